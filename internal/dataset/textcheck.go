package dataset

import (
	"slices"
	"strings"
)

// addCells notes a row-wise expectation: its key in the schema, what is wanted, and the test.
type addCells func(key, want string, test func(v *vector, broken []int32) []int32) *cellCheck

// moreCells compiles the expectations on what text says, and on columns that are empty.
func (e *Expect) moreCells(add addCells) {
	if e.like != nil {
		add("like", "values like "+shorten(strings.Join(e.Like, " or ")), each(matches(e.like, true)))
	}
	if e.notLike != nil {
		add("not_like", "no value like "+shorten(strings.Join(e.NotLike, " or ")), each(matches(e.notLike, false)))
	}
	if len(e.Types) > 0 {
		words := make([]string, len(e.Types))
		for i, k := range e.Types {
			words[i] = string(k)
		}
		add("types", "values of type "+strings.Join(words, " or "), each(e.readsAsOne))
	}
	if e.JSON {
		add("json", "JSON documents", each(isJSON))
	}
	if e.document != nil {
		add("json_schema", "JSON documents that the JSON Schema takes", each(meetsDocument(e.document)))
	}
	if e.Empty {
		k := add("empty", "no value in any row", anyValue)
		k.of = func(c *columnState) int64 { return c.rows }
	}
}

// readsAsOne tells that text reads as one of the types asked for; dates as ISO 8601.
func (e *Expect) readsAsOne(v *vector, i int) bool {
	text := asString(v.bytesAt(i))
	return slices.ContainsFunc(e.Types, func(k Kind) bool {
		if !k.temporal() {
			return k.is(text)
		}
		at, ok := parseISO(text)
		return ok && (k == Datetime || at%86400e6 == 0)
	})
}

// anyValue finds the rows that have a value, whatever it is.
func anyValue(v *vector, broken []int32) []int32 {
	for i, f := range v.flags {
		if f&cellNull == 0 {
			broken = append(broken, int32(i))
		}
	}
	return broken
}
