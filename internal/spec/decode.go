package spec

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxExpanded bounds how many values aliases may repeat, against documents that grow when they are read.
const maxExpanded = 10_000

type position struct{ line, column int }

// decoder fills Go values from a tree and collects every problem instead of stopping at the first.
type decoder struct {
	// fileObjects: a file is {path, digest, size} as in a workflow input, not a path as in release.yaml.
	fileObjects bool
	// at has the place of every field that was given.
	at map[string]position
	// missing has the fields that were not given though they have no default.
	missing  map[string]bool
	problems Problems
	// expanded counts values visited behind aliases.
	expanded int
}

func (d *decoder) bad(n *yaml.Node, field, found, want string) {
	if len(d.problems) <= maxProblems {
		d.problems = append(d.problems, Problem{Line: n.Line, Column: n.Column, Field: field, Found: found, Want: want})
	}
}

// enter follows aliases and keeps the bounds; nil means that the value was refused.
func (d *decoder) enter(n *yaml.Node, field string, depth int, aliased bool) (*yaml.Node, bool) {
	if n.Kind == yaml.AliasNode {
		n, aliased = n.Alias, true
	}
	if aliased {
		d.expanded++
	}
	switch {
	case d.expanded > maxExpanded:
		if d.expanded == maxExpanded+1 {
			d.bad(n, field, fmt.Sprintf("aliases repeat more than %d values", maxExpanded), "a plain document")
		}
		d.expanded++
		return nil, aliased
	case depth > maxDepth:
		d.bad(n, field, fmt.Sprintf("values nest deeper than %d levels", maxDepth), "a flatter document")
		return nil, aliased
	}
	return n, aliased
}

// value reads n into v, which holds the default.
func (d *decoder) value(n *yaml.Node, v reflect.Value, field string, depth int, aliased bool) {
	n, aliased = d.enter(n, field, depth, aliased)
	if n == nil || n.ShortTag() == "!!null" {
		return // a key without a value is as good as no key
	}
	switch p := v.Addr().Interface().(type) {
	case *Duration:
		if n.ShortTag() != "!!str" || p.UnmarshalText([]byte(n.Value)) != nil {
			d.bad(n, field, describe(n), "a duration such as 500ms, 60s or 72h")
		}
		return
	case *File:
		if !d.fileObjects {
			if n.ShortTag() != "!!str" || n.Value == "" {
				d.bad(n, field, describe(n), "the path of a file")
			} else {
				*p = File{Path: n.Value}
			}
			return
		}
	case *Params:
		*p = d.params(n, field)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		d.value(n, target.Elem(), field, depth, aliased)
		v.Set(target)
	case reflect.Struct:
		d.structure(n, v, field, depth, aliased)
	case reflect.Map:
		d.mapping(n, v, field, depth, aliased)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.bad(n, field, describe(n), "a list")
			return
		}
		list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, item := range n.Content {
			d.at[fmt.Sprintf("%s[%d]", field, i)] = position{item.Line, item.Column}
			d.value(item, list.Index(i), fmt.Sprintf("%s[%d]", field, i), depth+1, aliased)
		}
		v.Set(list)
	default:
		d.scalar(n, v, field)
	}
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, field string) {
	tag := n.ShortTag()
	switch v.Kind() {
	case reflect.String:
		if tag == "!!str" {
			v.SetString(n.Value)
			return
		}
		want := "a string"
		if n.Kind == yaml.ScalarNode {
			want = "a string: write it in quotes, " + strconv.Quote(n.Value)
		}
		d.bad(n, field, describe(n), want)
	case reflect.Bool:
		if b, err := strconv.ParseBool(strings.ToLower(n.Value)); err == nil && tag == "!!bool" {
			v.SetBool(b)
			return
		}
		d.bad(n, field, describe(n), "true or false")
	case reflect.Int, reflect.Int64:
		if i, ok := scalarInt(n.Value); ok && tag == "!!int" {
			if i, ok := i.(int64); ok && !v.OverflowInt(i) {
				v.SetInt(i)
				return
			}
		}
		d.bad(n, field, describe(n), "a whole number")
	case reflect.Float64:
		if f, ok := scalarFloat(n); ok {
			v.SetFloat(f)
			return
		}
		d.bad(n, field, describe(n), "a finite number")
	}
}

// scalarFloat reads a finite number.
func scalarFloat(n *yaml.Node) (float64, bool) {
	switch n.ShortTag() {
	case "!!int":
		if i, ok := scalarInt(n.Value); ok {
			f, err := strconv.ParseFloat(fmt.Sprint(i), 64)
			return f, err == nil
		}
	case "!!float":
		f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, field string, depth int, aliased bool) {
	names := fieldNames(v.Type())
	d.pairs(n, field, func(key, value *yaml.Node) {
		path := join(field, key.Value)
		for i, name := range names {
			if name == key.Value {
				d.at[path] = position{key.Line, key.Column}
				d.value(value, v.Field(i), path, depth+1, aliased)
				return
			}
		}
		want := "one of " + strings.Join(names, ", ")
		if name := nearest(key.Value, names); name != "" {
			want += fmt.Sprintf("; did you mean %q?", name)
		}
		d.bad(key, path, "unknown field", want)
	})
	for i, name := range names {
		path := join(field, name)
		if _, given := d.at[path]; !given && isRequired(v.Type().Field(i)) {
			d.missing[path] = true
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, field string, depth int, aliased bool) {
	m := reflect.MakeMap(v.Type())
	d.pairs(n, field, func(key, value *yaml.Node) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.at[join(field, key.Value)] = position{key.Line, key.Column}
		d.value(value, item, join(field, key.Value), depth+1, aliased)
		m.SetMapIndex(reflect.ValueOf(key.Value), item)
	})
	v.Set(m)
}

// pairs calls do for each key and value of a mapping; keys are strings and unique.
func (d *decoder) pairs(n *yaml.Node, field string, do func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, field, describe(n), "a mapping of fields")
		return
	}
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch tag := key.ShortTag(); {
		case tag == "!!merge":
			d.bad(key, field, "merge keys (<<) are not supported", "the fields written out")
			continue
		case key.Kind != yaml.ScalarNode || tag != "!!str":
			d.bad(key, field, label(key)+" is not allowed as a key", "a string: write the key in quotes")
			continue
		}
		if line, ok := lines[key.Value]; ok {
			d.bad(key, join(field, key.Value), fmt.Sprintf("given twice (first on line %d)", line), "each field once")
			continue
		}
		lines[key.Value] = key.Line
		do(key, n.Content[i+1])
	}
}

// fieldNames lists the names of a struct's fields in the spec, in the order of the fields.
func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return names
}

// isRequired tells whether a field has neither a default nor may be left out.
func isRequired(f reflect.StructField) bool {
	tag, ok := f.Tag.Lookup("yaml")
	return ok && !strings.Contains(tag, ",omitempty")
}
