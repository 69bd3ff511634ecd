package catalog

import (
	"context"
	"slices"
	"strings"
)

// Field is what a search compares or sorts by.
type Field struct {
	// Kind is one of the Field constants; Key the name within it.
	Kind FieldKind `json:"kind"`
	Key  string    `json:"key"`
	// DatasetName and DatasetDigest narrow a metric of a logged model; empty: any.
	DatasetName   string `json:"dataset_name,omitempty"`
	DatasetDigest string `json:"dataset_digest,omitempty"`
}

// FieldKind tells fields apart.
type FieldKind string

// Kinds of fields. Not every search has all.
const (
	FieldAttribute FieldKind = "attribute"
	FieldMetric    FieldKind = "metric"
	FieldParam     FieldKind = "param"
	FieldTag       FieldKind = "tag"
	FieldDataset   FieldKind = "dataset"
)

// Condition is one comparison of a search; all must hold. What has no such param,
// tag or metric does not match, whatever the operator but IS NULL.
type Condition struct {
	Field
	// Op is =, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL or IS NOT NULL. In the
	// pattern of LIKE and ILIKE '%' is any text and '_' any character.
	Op string `json:"op"`
	// Number is compared with a metric or a number, Texts with a text: one, or those of IN.
	Number float64  `json:"number,omitempty"`
	Texts  []string `json:"texts,omitempty"`
}

// SortKey is one key of the order of a search. What has no such field comes last.
type SortKey struct {
	Field
	Desc bool `json:"desc,omitempty"`
}

// Existence selects by whether something is deleted.
type Existence int

// What Existence selects.
const (
	Active Existence = iota
	Deleted
	All
)

// valuePrefix is how many characters of a value the indexes have.
const valuePrefix = 100

// attribute is a column that can be searched.
type attribute struct {
	column string
	number bool
	null   bool // may be NULL
}

// keyed is a table of values by key.
type keyed struct {
	table, owner string
	// plain: keys are text in the column key; else they are ids in key_id.
	plain bool
}

// space is one kind of thing that is searched: rows of table, as r.
type space struct {
	table                 string
	attributes            map[string]attribute
	params, tags, metrics keyed
	// dataset is a subquery for the rows whose data set has "%s", a comparison.
	dataset map[string]string
	// order is the order in the end; the last key is unique.
	order []SortKey
}

// statement is a SELECT in the making. Arguments are kept by clause, as '?' has no name.
type statement struct {
	t    *tx
	s    *space
	part int64 // see space.parts
	lead string
	// joined has the aliases of rows that a condition joined.
	joined         map[Field]string
	joins          []string
	joinArgs       []any
	query          // conditions and their arguments
	columns, order []string
	keys           []sortColumn
}

func (st *statement) join(kind, table, alias, on string, args ...any) {
	st.joins = append(st.joins, kind+" "+table+" "+alias+" ON "+on)
	st.joinArgs = append(st.joinArgs, args...)
}

// existing selects by deletion.
func (st *statement) existing(e Existence) {
	switch e {
	case Active:
		st.where("r.deleted_at IS NULL")
	case Deleted:
		st.where("r.deleted_at IS NOT NULL")
	case All:
	}
}

// within selects rows of some experiments.
func (st *statement) within(experiments []int64) {
	places, args := placesFor(experiments)
	st.where("r.experiment_id IN "+places, args...)
}

// of is the table of a field's kind.
func (s *space) of(f Field) (keyed, error) {
	switch f.Kind {
	case FieldParam:
		if s.params.table != "" {
			return s.params, nil
		}
	case FieldTag:
		return s.tags, nil
	case FieldMetric:
		if s.metrics.table != "" {
			return s.metrics, nil
		}
	case FieldAttribute, FieldDataset:
	}
	return keyed{}, invalid("%s are not searched here", f.Kind)
}

// on is the condition that joins the rows of a field.
func (st *statement) on(ctx context.Context, k keyed, alias string, f Field) (string, []any, error) {
	on := alias + "." + k.owner + " = r.id AND " + alias
	var args []any
	if k.plain {
		on, args = on+".key = ?", []any{f.Key}
	} else {
		id, err := st.t.keyID(ctx, f.Key)
		if err != nil {
			return "", nil, err
		}
		on, args = on+".key_id = ?", []any{id}
	}
	if f.Kind == FieldMetric && f.DatasetName != "" {
		on, args = on+" AND "+alias+".dataset_name = ?", append(args, f.DatasetName)
	}
	if f.Kind == FieldMetric && f.DatasetDigest != "" {
		on, args = on+" AND "+alias+".dataset_digest = ?", append(args, f.DatasetDigest)
	}
	return on, args, nil
}

// conditions adds all conditions of a search.
func (st *statement) conditionsOf(ctx context.Context, conditions []Condition) error {
	for i, c := range conditions {
		if err := st.condition(ctx, "c"+string(rune('a'+i%26))+strings.Repeat("x", i/26), c); err != nil {
			return err
		}
	}
	return nil
}

func (st *statement) condition(ctx context.Context, alias string, c Condition) error {
	switch c.Kind {
	case FieldAttribute:
		a, known := st.s.attributes[c.Key]
		if !known {
			return invalid("attribute %q is not searched here", c.Key)
		}
		text, args, err := st.t.dialect.compare("r."+a.column, a.number, c)
		if err != nil {
			return err
		}
		st.where(text, args...)
		return nil
	case FieldDataset:
		subquery, known := st.s.dataset[c.Key]
		if !known {
			return invalid("dataset attribute %q is not searched here", c.Key)
		}
		column, subquery, _ := strings.Cut(subquery, "|")
		text, args, err := st.t.dialect.compare(column, false, c)
		if err != nil {
			return err
		}
		st.where("r.id IN ("+subquery+" AND "+text+")", args...)
		return nil
	case FieldMetric, FieldParam, FieldTag:
	}
	k, err := st.s.of(c.Field)
	if err != nil {
		return err
	}
	on, args, err := st.on(ctx, k, alias, c.Field)
	if err != nil {
		return err
	}
	if c.Op == "IS NULL" {
		st.where("NOT EXISTS (SELECT 1 FROM "+k.table+" "+alias+" WHERE "+on+")", args...)
		return nil
	}
	text, more, err := st.comparison(alias, k, c)
	if err != nil {
		return err
	}
	if c.Kind == FieldMetric && k.owner == "model_id" {
		// A model has a point for each data set and run: a join would repeat it.
		st.where("EXISTS (SELECT 1 FROM "+k.table+" "+alias+" WHERE "+on+text+")", append(args, more...)...)
		return nil
	}
	// A join, not EXISTS: both databases may then begin at the rarest condition.
	st.join("JOIN", k.table, alias, on+text, append(args, more...)...)
	st.joined[c.Field] = alias
	return nil
}

// comparison is " AND …" on the value of a keyed row.
func (st *statement) comparison(alias string, k keyed, c Condition) (string, []any, error) {
	if c.Op == "IS NOT NULL" {
		return "", nil, nil
	}
	text, args, err := st.t.dialect.compare(alias+".value", c.Kind == FieldMetric, c)
	if err != nil {
		return "", nil, err
	}
	switch {
	case c.Kind == FieldMetric && c.Op == "!=":
		return " AND (" + alias + ".nan = 1 OR " + text + ")", args, nil
	case c.Kind == FieldMetric:
		return " AND " + alias + ".nan = 0 AND " + text, args, nil
	case c.Op == "=" && !k.plain:
		// What the index has.
		return " AND substr(" + alias + ".value, 1, 100) = ? AND " + text, append([]any{prefixOf(c.Texts[0])}, args...), nil
	}
	return " AND " + text, args, nil
}

func prefixOf(s string) string {
	runes := []rune(clean(s))
	return string(runes[:min(len(runes), valuePrefix)])
}

var ordered = []string{"=", "!=", "<", "<=", ">", ">="}

// compare is a comparison in SQL.
func (d *dialect) compare(column string, number bool, c Condition) (string, []any, error) {
	bad := invalid("operator %q can't be used on %s %q", c.Op, c.Kind, c.Key)
	switch {
	case c.Op == "IS NULL" || c.Op == "IS NOT NULL":
		return column + " " + c.Op, nil, nil
	case number && slices.Contains(ordered, c.Op) && len(c.Texts) == 0:
		return column + " " + c.Op + " ?", []any{c.Number}, nil
	case number || len(c.Texts) == 0:
		return "", nil, bad
	case c.Op == "IN" || c.Op == "NOT IN":
		places, args := placesFor(c.Texts)
		return column + " " + c.Op + " " + places, args, nil
	case len(c.Texts) != 1:
		return "", nil, bad
	case slices.Contains(ordered, c.Op):
		return column + " " + c.Op + " ?", []any{c.Texts[0]}, nil
	case c.Op == "LIKE" || c.Op == "ILIKE":
		text, pattern := d.like(column, c.Texts[0], c.Op == "ILIKE")
		return text, []any{pattern}, nil
	}
	return "", nil, bad
}
