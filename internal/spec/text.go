package spec

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// join extends a dotted path; a name with other characters stands in brackets.
func join(field, name string) string {
	plain := name != ""
	for _, c := range []byte(name) {
		plain = plain && (c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	switch {
	case !plain:
		return field + "[" + quote(name) + "]"
	case field == "":
		return name
	}
	return field + "." + name
}

// describe tells that a value is not allowed.
func describe(n *yaml.Node) string { return label(n) + " is not allowed" }

// label names a value for an error.
func label(n *yaml.Node) string {
	what := n.Value
	switch {
	case n.Kind == yaml.SequenceNode:
		what = "a list"
	case n.Kind == yaml.MappingNode:
		what = "a mapping"
	case n.Kind == yaml.AliasNode:
		what = "an alias"
	case n.ShortTag() == "!!null":
		what = "null"
	case n.ShortTag() == "!!str" || !isPlain(what):
		what = quote(what)
	}
	return what
}

// isPlain tells whether text is short and printable as it is.
func isPlain(text string) bool {
	return text != "" && len(text) <= 40 && strconv.Quote(text) == `"`+text+`"`
}

// quote shows a string with its control characters escaped, shortened.
func quote(s string) string {
	return strconv.Quote(clip(s, 60))
}

// clip shortens s to limit characters.
func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
