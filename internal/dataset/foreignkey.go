package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// ForeignKey says that the values of some columns stand together in another table.
type ForeignKey struct {
	Columns []string `yaml:"columns" jsonschema:"minItems=1" jsonschema_description:"The columns."`
	// Data is the data version that holds the other table: NAME@N, NAME for its latest, a tag or a digest.
	Data string `yaml:"data" jsonschema:"minLength=1" jsonschema_description:"Data version that holds the other table: NAME@N, NAME for its latest, a tag or a digest; for slipway data validate also a file or folder."`
	// Path picks the table where the version holds several.
	Path string `yaml:"path,omitempty" jsonschema_description:"File of the data version; its only table unless said."`
	// To names the columns there, in the order of Columns; the same names where it is empty.
	To []string `yaml:"to,omitempty" jsonschema_description:"The columns there, in the same order; of the same names unless said."`
}

func (f *ForeignKey) check() error {
	switch {
	case len(f.Columns) == 0 || f.Data == "":
		return errors.New("columns and data are needed")
	case len(f.To) > 0 && len(f.To) != len(f.Columns):
		return fmt.Errorf("to names %d columns for %d", len(f.To), len(f.Columns))
	}
	return nil
}

// to is the columns of the other table.
func (f *ForeignKey) to() []string {
	if len(f.To) > 0 {
		return f.To
	}
	return f.Columns
}

// say puts the expectation into words; label says which table it is.
func (f *ForeignKey) say(label string) string {
	together := ""
	if len(f.Columns) > 1 {
		together = " together"
	}
	return fmt.Sprintf("%s%s among %s of %s", strings.Join(f.Columns, ", "), together, strings.Join(f.to(), ", "), label)
}

// OtherTable is a table that a foreign key points to.
type OtherTable struct {
	Source
	// Label says which data version and file it is.
	Label string
}

// foreignKeys are the keys that the foreign keys of a schema point to, by place in Schema.Checks.
type foreignKeys map[int]*keySet

// readForeignKeys reads the tables that a schema points to, as the columns that point there are read:
// "7" in a file of text is the integer 7.
func readForeignKeys(ctx context.Context, table *arrow.Schema, s *Schema, opts CheckOptions) (foreignKeys, error) {
	n := 0
	for i := range s.Checks {
		if s.Checks[i].References != nil {
			n++
		}
	}
	if n == 0 {
		return nil, nil
	}
	if opts.Tables == nil {
		return nil, errors.New("the schema has foreign keys, and no other data can be read here")
	}
	all := foreignKeys{}
	for i := range s.Checks {
		f := s.Checks[i].References
		if f == nil {
			continue
		}
		meanings, known := s.meanings(table, f.Columns)
		if !known { // the report says so
			continue
		}
		keys := newKeySet(n)
		if err := keys.read(ctx, f, meanings, opts); err != nil {
			return nil, fmt.Errorf("foreign key on %s: %w", strings.Join(f.Columns, ", "), err)
		}
		all[i] = keys
	}
	return all, nil
}

// meanings is how the columns are read; false where the table lacks one.
func (s *Schema) meanings(table *arrow.Schema, columns []string) ([]meaning, bool) {
	all := make([]meaning, len(columns))
	for i, name := range columns {
		at := table.FieldIndices(name)
		if len(at) == 0 {
			return nil, false
		}
		if rule, known := s.rule(name); known {
			all[i] = s.meaning(rule)
		} else {
			all[i] = meaning{kind: storedKind(table.Field(at[0]).Type)}
		}
	}
	return all, true
}

// read adds all keys of the other table.
func (k *keySet) read(ctx context.Context, f *ForeignKey, meanings []meaning, opts CheckOptions) (err error) {
	other, err := opts.Tables(ctx, f.Data, f.Path)
	if err != nil {
		return fmt.Errorf("data %s: %w", f.Data, err)
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	k.label = other.Label
	if err := PickColumns(unwrapped(other.Source), f.to()); err != nil {
		return err
	}
	places := make([]int, len(meanings))
	for i, name := range f.to() {
		at := other.Schema().FieldIndices(name)
		if len(at) != 1 {
			return fmt.Errorf("%s: %w: it has no column %s", other.Label, ErrSource, name)
		}
		places[i] = at[0]
	}
	vectors := make([]vector, len(meanings))
	for first := int64(0); ; {
		batch, err := other.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range vectors {
			vectors[i].read(batch.Column(places[i]), meanings[i], first)
		}
		k.addRows(vectors, int(batch.NumRows()))
		first += batch.NumRows()
		batch.Release()
	}
}

// addRows adds the keys of a batch; rows without a usable value in each column have none.
func (k *keySet) addRows(vectors []vector, rows int) {
	for row := range rows {
		h, usable := uint64(0), true
		for i := range vectors {
			h = mix(h*31 + vectors[i].hashes[row])
			usable = usable && vectors[i].flags[row]&cellUnusable == 0
		}
		if usable {
			k.add(h)
		}
	}
}

// foreignTest asks for keys that stand in another table.
type foreignTest struct{ keys *keySet }

func (t foreignTest) met(k *rowCheck, columns []*columnState, row int) bool {
	h := uint64(0)
	for _, at := range k.columns {
		h = mix(h*31 + columns[at].v.hashes[row])
	}
	return t.keys.has(h)
}
