package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Params holds free values that Slipway keeps but does not interpret:
// hyperparameters and the training configuration. Values are nil, bool, string,
// int64, *big.Int (whole numbers beyond int64), float64 (finite), []any and
// map[string]any of these.
//
// Unlike a plain map it loses nothing on the way through YAML and JSON: whole
// numbers of any size stay exact and 1.0 stays a float. A date is kept as the
// string that was written.
type Params map[string]any

// MarshalJSON writes keys in order and floats always with a point.
func (p Params) MarshalJSON() ([]byte, error) {
	if p == nil {
		return []byte("null"), nil
	}
	return appendJSON(nil, map[string]any(p), "")
}

// UnmarshalJSON reads an object.
func (p *Params) UnmarshalJSON(b []byte) error {
	n, problem := jsonTree(b)
	if problem != nil {
		return problem
	}
	return p.UnmarshalYAML(n)
}

// MarshalYAML writes keys in order and floats always with a point.
func (p Params) MarshalYAML() (any, error) {
	if p == nil {
		return nil, nil
	}
	return valueNode(map[string]any(p), "")
}

// UnmarshalYAML reads a mapping.
func (p *Params) UnmarshalYAML(n *yaml.Node) error {
	d := decoder{at: map[string]position{}}
	v := d.params(n, "")
	if len(d.problems) > 0 {
		return d.problems
	}
	*p = v
	return nil
}

// scalarInt reads a whole number: int64, or *big.Int where that is too small.
func scalarInt(text string) (any, bool) {
	n, ok := new(big.Int).SetString(strings.ReplaceAll(text, "_", ""), 0)
	if !ok {
		return nil, false
	}
	if n.IsInt64() {
		return n.Int64(), true
	}
	return n, true
}

// isDigits tells whether text is a decimal whole number with an optional sign.
func isDigits(text string) bool {
	text = strings.TrimLeft(text, "+-")
	return text != "" && strings.Trim(text, "0123456789") == "" && (text[0] != '0' || text == "0")
}

// floatText is the shortest form that reads back as the same float and as nothing but a float.
func floatText(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if strings.Contains(s, ".") {
		return s
	}
	if mantissa, exponent, ok := strings.Cut(s, "e"); ok {
		return mantissa + ".0e" + exponent // YAML 1.1 readers take 1e-06 for a string
	}
	return s + ".0"
}

// canonical brings the number types that Go code may put into Params to the documented ones.
func canonical(v any, field string) (any, *Problem) {
	switch v := v.(type) {
	case nil, bool, string, int64, []any, map[string]any:
		return v, nil
	case int:
		return int64(v), nil
	case uint64:
		return canonical(new(big.Int).SetUint64(v), field)
	case *big.Int:
		if v == nil {
			return nil, nil
		}
		if v.IsInt64() {
			return v.Int64(), nil
		}
		return v, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, &Problem{Field: field, Found: number(v) + " is not allowed", Want: "a finite number, or a string"}
		}
		return v, nil
	}
	return nil, &Problem{Field: field, Found: fmt.Sprintf("a value of Go type %T is not allowed", v), Want: "a bool, string, int64, *big.Int, float64, []any or map[string]any"}
}

// checkValue tells what in v can't be kept. Unlike appendJSON it may run inside a workflow.
func checkValue(v any, field string) *Problem {
	v, problem := canonical(v, field)
	if problem != nil {
		return problem
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			if problem := checkValue(item, fmt.Sprintf("%s[%d]", field, i)); problem != nil {
				return problem
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if problem := checkValue(v[key], join(field, key)); problem != nil {
				return problem
			}
		}
	}
	return nil
}

func appendJSON(b []byte, v any, field string) ([]byte, error) {
	v, problem := canonical(v, field)
	if problem != nil {
		return nil, problem
	}
	var err error
	switch v := v.(type) {
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case *big.Int:
		return v.Append(b, 10), nil
	case float64:
		return append(b, floatText(v)...), nil
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, item, fmt.Sprintf("%s[%d]", field, i)); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		b = append(b, '{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			name, err := json.Marshal(key)
			if err != nil {
				return nil, err
			}
			b = append(append(b, name...), ':')
			if b, err = appendJSON(b, v[key], join(field, key)); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	default: // nil, bool, string
		text, err := json.Marshal(v)
		return append(b, text...), err
	}
}

func valueNode(v any, field string) (*yaml.Node, error) {
	v, problem := canonical(v, field)
	if problem != nil {
		return nil, problem
	}
	n := new(yaml.Node)
	switch v := v.(type) {
	case *big.Int:
		n.Kind, n.Value = yaml.ScalarNode, v.String()
	case float64:
		n.Kind, n.Value = yaml.ScalarNode, floatText(v)
	case []any:
		n.Kind = yaml.SequenceNode
		for i, item := range v {
			child, err := valueNode(item, fmt.Sprintf("%s[%d]", field, i))
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
	case map[string]any:
		n.Kind = yaml.MappingNode
		for _, key := range sortedKeys(v) {
			name, err := stringNode(key)
			if err != nil {
				return nil, err
			}
			child, err := valueNode(v[key], join(field, key))
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, name, child)
		}
	case string:
		return stringNode(v)
	default:
		err := n.Encode(v)
		return n, err
	}
	return n, nil
}

// stringNode quotes what a plain scalar would not keep as the same string.
func stringNode(s string) (*yaml.Node, error) {
	n := new(yaml.Node)
	if err := n.Encode(s); err != nil {
		return nil, err
	}
	if n.Value != s || strings.ContainsAny(s, "\r\n\t") {
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
	}
	return n, nil
}

// sortedKeys makes what follows independent of the order of map iteration.
//
//workflowcheck:ignore
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
