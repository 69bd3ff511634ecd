package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// Match is one condition of a search in the registry.
type Match struct {
	// Column is one of the search's columns; empty for a tag.
	Column string
	// Tag is the key of a tag, of which there must be one.
	Tag string
	// Op is =, !=, <, <=, >, >=, LIKE, ILIKE, IN or NOT IN.
	Op string
	// Value is a string or an int64, as the column is; of IN and NOT IN a []string.
	Value any
}

// Order is one key that a search in the registry sorts by.
type Order struct {
	Column string
	Desc   bool
}

// column is where a name of a search is in SQL.
type column struct {
	sql    string
	number bool
}

// text is the condition in SQL.
func (m Match) text(d *dialect, columns map[string]column, tags string) (sql string, args []any, err error) {
	c, known := columns[m.Column]
	if m.Tag != "" {
		c, known = column{sql: "g.value"}, true
	}
	if !known {
		return "", nil, invalid("unknown attribute %q", m.Column)
	}
	sql, args, err = m.compare(d, c)
	if err != nil || m.Tag == "" {
		return sql, args, err
	}
	return "EXISTS (SELECT 1 FROM " + tags + " AND g.key = ? AND " + sql + ")", append([]any{m.Tag}, args...), nil
}

func (m Match) compare(d *dialect, c column) (string, []any, error) {
	bad := invalid("%q does not compare with %v", m.Op, m.Value)
	switch v := m.Value.(type) {
	case int64:
		if c.number && slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, m.Op) {
			return c.sql + " " + m.Op + " ?", []any{v}, nil
		}
	case []string:
		if c.number || m.Op != "IN" && m.Op != "NOT IN" {
			return "", nil, bad
		}
		if len(v) == 0 {
			return "", nil, invalid("%s has nothing to look in", m.Op)
		}
		args := make([]any, len(v))
		for i, s := range v {
			args[i] = s
		}
		return c.sql + " " + m.Op + " (?" + repeated(len(v)-1) + ")", args, nil
	case string:
		switch {
		case c.number:
		case m.Op == "=", m.Op == "!=", m.Op == "<", m.Op == "<=", m.Op == ">", m.Op == ">=":
			return c.sql + " " + m.Op + " ?", []any{v}, nil
		case m.Op == "LIKE" || m.Op == "ILIKE":
			sql, pattern := d.like(c.sql, v, m.Op == "ILIKE")
			return sql, []any{pattern}, nil
		}
	}
	return "", nil, bad
}

// like compares with a pattern of % and _, which has no escape, the same way in
// both databases: LIKE tells cases apart, ILIKE does not (SQLite: of ASCII).
func (d *dialect) like(sql, pattern string, fold bool) (condition, argument string) {
	switch {
	case d.name == Postgres && fold:
		return sql + " ILIKE ? ESCAPE ''", pattern
	case d.name == Postgres:
		return sql + " LIKE ? ESCAPE ''", pattern
	case fold:
		return sql + " LIKE ?", pattern
	}
	// SQLite's LIKE never tells cases apart; GLOB does.
	return sql + " GLOB ?", globOf(pattern)
}

func globOf(pattern string) string {
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", "%", "*", "_", "?").Replace(pattern)
}

// pageOrder is the ORDER BY of a search and the condition for what comes after
// a place in it: one key after the other, so that no page depends on counting.
func pageOrder(order []Order, columns map[string]column, after []any) (orderBy, condition string, args []any, err error) {
	var by, alternatives []string
	equal := ""
	var equalArgs []any
	for i, o := range order {
		c, known := columns[o.Column]
		if !known {
			return "", "", nil, invalid("can't sort by %q", o.Column)
		}
		direction, beyond := " ASC", " > ?"
		if o.Desc {
			direction, beyond = " DESC", " < ?"
		}
		by = append(by, c.sql+direction)
		if after == nil {
			continue
		}
		alternatives = append(alternatives, "("+equal+c.sql+beyond+")")
		args = append(append(args, equalArgs...), after[i])
		equal += c.sql + " = ? AND "
		equalArgs = append(equalArgs, after[i])
	}
	if after != nil {
		condition = "(" + strings.Join(alternatives, " OR ") + ")"
	}
	return strings.Join(by, ", "), condition, args, nil
}

// checkAfter makes the values of a page's end, as JSON gave them, fit the columns.
func checkAfter(after []any, order []Order, columns map[string]column) error {
	if after != nil && len(after) != len(order) {
		return invalid("the page token is of another search")
	}
	for i := range after {
		switch v := after[i].(type) {
		case float64:
			after[i] = int64(v)
		case int64, string:
		default:
			return invalid("the page token is damaged (%s)", fmt.Sprintf("%T", v))
		}
		if _, number := after[i].(int64); number != columns[order[i].Column].number {
			return invalid("the page token is of another search")
		}
	}
	return nil
}

// repeated is ",?" n times.
func repeated(n int) string { return strings.Repeat(",?", n) }
