package dataset

import (
	"fmt"

	"github.com/expr-lang/expr/vm"
)

// Filter says which rows are meant, by an expression over the columns of a
// row as in the checks of a schema. It is not safe for concurrent use.
type Filter struct {
	rule    *rowRule
	machine vm.VM
	row     map[string]any
}

// NewFilter reads an expression such as age < 26 and sex == 'female'. Its
// cost for a row is bounded by the length of the text.
func NewFilter(text string) (*Filter, error) {
	rule, err := compileRule(text)
	if err != nil {
		return nil, fmt.Errorf("condition %q: %w", text, err)
	}
	return &Filter{rule: rule, row: map[string]any{}}, nil
}

// Columns are the columns that the expression names, sorted.
func (f *Filter) Columns() []string { return f.rule.columns }

// Match tells whether row i of a table is meant. A row with a null in a column
// that the expression names is not, unless the expression speaks of nil. The
// error says what the expression can't be asked of, without values of the row.
func (f *Filter) Match(t *Table, i int) (bool, error) {
	for _, name := range f.rule.columns {
		c, ok := t.index[name]
		if !ok {
			return false, fmt.Errorf("condition %q: %s: column %q: %w", f.rule.text, t.name, name, ErrNoColumn)
		}
		value := t.value(c, i)
		if value == nil && !f.rule.nullable {
			return false, nil
		}
		if whole, ok := value.(int64); ok {
			value = int(whole) // as expressions see whole numbers
		}
		f.row[name] = value
	}
	held, err := f.rule.holds(&f.machine, f.row)
	if err != nil {
		return false, fmt.Errorf("condition %q: %s: line %d: %w", f.rule.text, t.name, t.Line(i), err)
	}
	return held, nil
}
