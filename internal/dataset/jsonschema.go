package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

// SchemaID is the $id of the JSON Schema of data schemas.
const SchemaID = "https://github.com/slipway-ml/slipway/blob/main/docs/data-schema.schema.json"

// JSONSchema is the schema of schema.yaml (JSON Schema draft 2020-12) for
// editors, made from the Go types. It is a little wider than ParseSchema: rules
// that span fields, such as what belongs to which type, are beyond it.
func JSONSchema() ([]byte, error) {
	r := jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, Anonymous: true}
	s := r.Reflect(&Schema{})
	s.ID = SchemaID
	s.Title = "Slipway data schema"
	s.Description = "What a table must look like (schema.yaml)."
	loosenWords(s)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("write the json schema of data schemas: %w", err)
	}
	return b.Bytes(), nil
}

// loosenWords lets lists of values hold numbers and booleans: YAML reads 1 and
// true so, ParseSchema takes them as they are written.
func loosenWords(s *jsonschema.Schema) {
	for _, name := range []string{"values", "not_values", "contains", "most_common", "null_values", "like", "not_like"} {
		for _, definition := range append([]*jsonschema.Schema{s}, definitions(s)...) {
			if definition.Properties == nil {
				continue
			}
			if list, ok := definition.Properties.Get(name); ok {
				list.Items = word()
			}
		}
	}
	for _, definition := range definitions(s) {
		if definition.Properties == nil {
			continue
		}
		if list, ok := definition.Properties.Get("allowed"); ok { // of combinations: lists of words
			list.Items.Items = word()
		}
	}
}

// word is a value of the data as YAML may write it.
func word() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
}

func definitions(s *jsonschema.Schema) []*jsonschema.Schema {
	out := make([]*jsonschema.Schema, 0, len(s.Definitions))
	for _, d := range s.Definitions {
		out = append(out, d)
	}
	return out
}
