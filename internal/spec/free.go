package spec

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (d *decoder) params(n *yaml.Node, field string) Params {
	if n.Kind == yaml.AliasNode || n.Kind == yaml.MappingNode {
		p, _ := d.free(n, field, 0, false).(map[string]any)
		return p
	}
	if n.ShortTag() != "!!null" {
		d.bad(n, field, describe(n), "a mapping of names to values")
	}
	return nil
}

// free reads a value of any type. Places are not kept: there may be a great many.
func (d *decoder) free(n *yaml.Node, field string, depth int, aliased bool) any {
	if n, aliased = d.enter(n, field, depth, aliased); n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		d.pairs(n, field, func(key, value *yaml.Node) {
			m[key.Value] = d.free(value, join(field, key.Value), depth+1, aliased)
		})
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = d.free(item, fmt.Sprintf("%s[%d]", field, i), depth+1, aliased)
		}
		return list
	}
	switch tag := n.ShortTag(); tag {
	case "!!null":
		return nil
	case "!!str", "!!timestamp":
		return n.Value
	case "!!bool":
		if b, err := strconv.ParseBool(strings.ToLower(n.Value)); err == nil {
			return b
		}
	case "!!int", "!!float":
		// Without a tag in the text, a whole number too long for the YAML reader comes as a float.
		if tag == "!!int" || isDigits(n.Value) && n.Style&yaml.TaggedStyle == 0 {
			if i, ok := scalarInt(n.Value); ok {
				return i
			}
		}
		if f, ok := scalarFloat(n); ok {
			return f
		}
	}
	d.bad(n, field, describe(n), "a string, a finite number, true, false, null, a list or a mapping")
	return nil
}
