package catalog

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// SearchPlace is the place of a result in the order of a search: the values it is
// sorted by, each with a sign for its type. It can be sent as JSON.
type SearchPlace []string

// sortColumn is one expression of the order.
type sortColumn struct {
	sql    string
	desc   bool
	number bool // float64 or int64
}

// A search whose first key is a metric, a param or a tag is made in parts: an index
// has those that have one in order, and most searches end within the first part.
const (
	partWhole  = -1 // not in parts
	partNumber = 0  // what has the first key
	partNaN    = 1  // what has it as NaN
	partAbsent = 2  // what lacks it
)

// parts are the parts of a search in order.
func (s *space) parts(keys []SortKey) []int64 {
	switch {
	case len(keys) == 0 || keys[0].Kind == FieldAttribute || keys[0].Kind == FieldDataset:
		return []int64{partWhole}
	case keys[0].Kind == FieldMetric:
		return []int64{partNumber, partNaN, partAbsent}
	}
	return []int64{partNumber, partAbsent}
}

// partsFrom are the parts of a search from that of a place on.
func (s *space) partsFrom(keys []SortKey, place SearchPlace) ([]int64, error) {
	parts := s.parts(keys)
	if place == nil {
		return parts, nil
	}
	for i, part := range parts {
		if text, err := placeText(part); err == nil && len(place) > 0 && place[0] == text {
			return parts[i:], nil
		}
	}
	return nil, invalid("the page token is of another search")
}

// orderBy adds the keys of the order, what is equal to be told apart by the space's own keys in the end.
func (st *statement) orderBy(ctx context.Context, keys []SortKey) error {
	seen := map[Field]bool{}
	for i, key := range append(keys[:len(keys):len(keys)], st.s.order...) {
		if seen[key.Field] {
			continue
		}
		seen[key.Field] = true
		if err := st.orderKey(ctx, fmt.Sprint("o", i), key, i == 0 && st.part != partWhole); err != nil {
			return err
		}
	}
	for i, k := range st.keys {
		direction := " ASC"
		if k.desc {
			direction = " DESC"
		}
		st.columns = append(st.columns, fmt.Sprintf("%s AS k%d", k.sql, i))
		st.order = append(st.order, k.sql+direction)
	}
	return nil
}

func (st *statement) orderKey(ctx context.Context, alias string, key SortKey, leads bool) error {
	if key.Kind == FieldAttribute {
		a, known := st.s.attributes[key.Key]
		if !known {
			return invalid("can't order by attribute %q", key.Key)
		}
		column := "r." + a.column
		if !a.null {
			st.keys = append(st.keys, sortColumn{sql: column, desc: key.Desc, number: a.number})
			return nil
		}
		st.lastIf(column+" IS NULL", "")
		st.keys = append(st.keys, sortColumn{sql: "COALESCE(" + column + ", " + zero(a.number) + ")", desc: key.Desc, number: a.number})
		return nil
	}
	k, err := st.s.of(key.Field)
	if err != nil {
		return err
	}
	on, args, err := st.on(ctx, k, alias, key.Field)
	if err != nil {
		return err
	}
	metric := key.Kind == FieldMetric
	if metric && k.owner == "model_id" {
		// One point of each model: the latest over data sets and runs.
		on += " AND (" + strings.ReplaceAll("@.dataset_name, @.dataset_digest, @.run_id", "@", alias) +
			") = (SELECT p.dataset_name, p.dataset_digest, p.run_id FROM " + k.table + " p WHERE " + strings.ReplaceAll(on, alias+".", "p.") +
			" ORDER BY p.at DESC, p.step DESC, p.dataset_name, p.dataset_digest, p.run_id LIMIT 1)"
		args = append(args, args...)
	}
	joined, there := st.joined[key.Field]
	if leads {
		st.leadBy(key, k, alias, on, args, joined)
		return nil
	}
	if there {
		alias = joined
	} else {
		st.join("LEFT JOIN", k.table, alias, on, args...)
	}
	if metric {
		st.lastIf(alias+".value IS NULL", alias+".nan = 1")
	} else {
		st.lastIf(alias+".value IS NULL", "")
	}
	st.keys = append(st.keys, sortColumn{sql: "COALESCE(" + alias + ".value, " + zero(metric) + ")", desc: key.Desc, number: metric})
	return nil
}

// leadBy adds the first key to a part of a search. A condition may have joined its rows already.
func (st *statement) leadBy(key SortKey, k keyed, alias, on string, args []any, joined string) {
	switch {
	case st.part == partAbsent:
		st.where("NOT EXISTS (SELECT 1 FROM "+k.table+" "+alias+" WHERE "+on+")", args...)
		return
	case joined != "":
		alias = joined
	default:
		if st.t.dialect.name == SQLite && len(st.joins) == 0 {
			// SQLite keeps the order of a cross join: it begins at the index, and ends with the page.
			st.lead = k.table + " " + alias + " CROSS JOIN "
			st.joins, st.joinArgs = append(st.joins, "ON "+on), append(st.joinArgs, args...)
		} else {
			st.join("JOIN", k.table, alias, on, args...)
		}
	}
	number := key.Kind == FieldMetric
	if number {
		st.where(alias+".nan = ?", st.part)
	}
	if st.part == partNumber {
		st.keys = append(st.keys, sortColumn{sql: alias + ".value", desc: key.Desc, number: number})
	}
}

// lastIf sorts what fulfils a condition last, and before it what fulfils another.
func (st *statement) lastIf(last, beforeLast string) {
	sql := "CASE WHEN " + last + " THEN 2 ELSE 0 END"
	if beforeLast != "" {
		sql = "CASE WHEN " + last + " THEN 2 WHEN " + beforeLast + " THEN 1 ELSE 0 END"
	}
	st.keys = append(st.keys, sortColumn{sql: sql, number: true})
}

func zero(number bool) string {
	if number {
		return "0"
	}
	return "''"
}

// after selects what comes after a place: it differs first in one key, and there it is beyond.
func (st *statement) after(place SearchPlace) error {
	if place == nil {
		return nil
	}
	if len(place) != len(st.keys) {
		return invalid("the page token is of another search")
	}
	var (
		alternatives []string
		args         []any
		equal        strings.Builder
		equalArgs    []any
	)
	for i, k := range st.keys {
		value, err := placeValue(place[i], k.number)
		if err != nil {
			return err
		}
		beyond := " > ?"
		if k.desc {
			beyond = " < ?"
		}
		if i == 0 {
			// Implied by the rest, and what an index can begin with.
			st.where(k.sql+strings.Replace(beyond, " ?", "= ?", 1), value)
		}
		alternatives = append(alternatives, "("+equal.String()+k.sql+beyond+")")
		args = append(append(args, equalArgs...), value)
		equal.WriteString(k.sql + " = ? AND ")
		equalArgs = append(equalArgs, value)
	}
	st.where("("+strings.Join(alternatives, " OR ")+")", args...)
	return nil
}

// placeText is a value of the order as text.
func placeText(v any) (string, error) {
	switch v := v.(type) {
	case int64:
		return "i" + strconv.FormatInt(v, 10), nil
	case float64:
		return "f" + strconv.FormatFloat(v, 'g', -1, 64), nil
	case string:
		return "s" + v, nil
	case []byte:
		return "s" + string(v), nil
	}
	return "", fmt.Errorf("order of a search: a key is a %T", v)
}

func placeValue(text string, number bool) (any, error) {
	bad := invalid("the page token is of another search")
	if text == "" || number == (text[0] == 's') {
		return nil, bad
	}
	switch text[0] {
	case 's':
		return text[1:], nil
	case 'i':
		if n, err := strconv.ParseInt(text[1:], 10, 64); err == nil {
			return n, nil
		}
	case 'f':
		if f, err := strconv.ParseFloat(text[1:], 64); err == nil && f == f {
			return f, nil
		}
	}
	return nil, bad
}

// hit is a result: its number inside and its place.
type hit struct {
	id    int64
	place SearchPlace
}

// run reads at most limit results.
func (st *statement) run(ctx context.Context, limit int) (results []hit, err error) {
	selected := "SELECT r.id"
	for _, column := range st.columns {
		selected += ", " + column
	}
	from := selected + " FROM " + st.lead + st.s.table + " r"
	for _, join := range st.joins {
		from += " " + join
	}
	args := append(append([]any{}, st.joinArgs...), st.args...)
	rows, err := st.t.rows(ctx, st.sql(from, strings.Join(st.order, ", "), limit), args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, rows.Close()) }()
	part, err := placeText(st.part)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, err := rows.SliceScan()
		if err != nil {
			return nil, err
		}
		id, _ := values[0].(int64)
		h := hit{id: id, place: SearchPlace{part}}
		for _, v := range values[1:] {
			text, err := placeText(v)
			if err != nil {
				return nil, err
			}
			h.place = append(h.place, text)
		}
		results = append(results, h)
	}
	return results, rows.Err()
}
