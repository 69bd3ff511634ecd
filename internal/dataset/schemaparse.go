package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSchemaBytes bounds a schema.
const maxSchemaBytes = 1 << 20

// ErrSchema says that a schema cannot be used.
var ErrSchema = errors.New("invalid schema")

// ParseSchema reads a schema in YAML, strictly: an unknown or repeated field, a
// bad value or a rule that contradicts itself is an error that wraps ErrSchema
// and names the file, the line and what is allowed.
func ParseSchema(name string, b []byte) (*Schema, error) {
	if len(b) > maxSchemaBytes {
		return nil, fmt.Errorf("%s: %w: %d bytes, at most %d are read", name, ErrSchema, len(b), maxSchemaBytes)
	}
	s := &Schema{}
	if err := s.decode(b); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSchema, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSchema, err)
	}
	return s, nil
}

// YAML writes the schema so that ParseSchema reads it back, with the comments of Infer.
func (s *Schema) YAML() ([]byte, error) {
	var doc yaml.Node
	if err := doc.Encode(s); err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	for i := 0; i+1 < len(doc.Content); i += 2 {
		if doc.Content[i].Value != "columns" {
			continue
		}
		for k, rule := range doc.Content[i+1].Content {
			rule.HeadComment = s.Columns[k].comment
		}
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return out.Bytes(), nil
}

func (s *Schema) decode(b []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(s); errors.Is(err, io.EOF) {
		return errors.New("the file is empty; it needs columns")
	} else if err != nil {
		return explain(err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("more than one document; a file holds one schema")
	}
	return s.findLines(b)
}

// findLines reads the schema a second, tolerant time for the lines that messages about meaning name.
func (s *Schema) findLines(b []byte) error {
	var lines struct {
		Columns []yaml.Node `yaml:"columns"`
		Checks  []yaml.Node `yaml:"checks"`
	}
	if err := yaml.Unmarshal(b, &lines); err != nil {
		return explain(err)
	}
	for i := range s.Columns {
		r := &s.Columns[i]
		r.line, r.Expect.line = lines.Columns[i].Line, lines.Columns[i].Line
		if len(r.Checks) == 0 {
			continue
		}
		var nested struct {
			Checks []yaml.Node `yaml:"checks"`
		}
		if err := lines.Columns[i].Decode(&nested); err != nil {
			return explain(err)
		}
		for k := range r.Checks {
			r.Checks[k].line = nested.Checks[k].Line
		}
	}
	for i := range s.Checks {
		s.Checks[i].line = lines.Checks[i].Line
	}
	return nil
}

// explain turns the decoder's words for Go types into those of the format.
func explain(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	for _, t := range []reflect.Type{
		reflect.TypeFor[QuantileBound](), reflect.TypeFor[TableCheck](), reflect.TypeFor[Schema](),
		reflect.TypeFor[Expect](), reflect.TypeFor[Bounds](), reflect.TypeFor[Range](), reflect.TypeFor[Rule](),
		reflect.TypeFor[RowCount](), reflect.TypeFor[ColumnCount](), reflect.TypeFor[Fit](), reflect.TypeFor[Combinations](), reflect.TypeFor[Association](), reflect.TypeFor[Dependency](), reflect.TypeFor[ForeignKey](),
	} {
		text = strings.ReplaceAll(text, " not found in type dataset."+t.Name(), " is unknown; allowed are "+strings.Join(fieldsOf(t), ", "))
	}
	text = strings.NewReplacer("dataset.Kind", "a type", "dataset.", "", "*int64", "a whole number", "*float64", "a number",
		"[]string", "a list", "!!str ", "", "!!int ", "", "!!float ", "", "!!seq", "a list", "!!map", "a mapping", "into ", "where the format wants ").Replace(text)
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return errors.New(strings.Join(lines, "; "))
}

// fieldsOf lists the names that a type has in YAML.
func fieldsOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			out = append(out, fieldsOf(f.Type)...)
		case f.IsExported() && name != "":
			out = append(out, name)
		}
	}
	return out
}
