package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"
)

// SchemaID is the $id of the JSON Schema.
const SchemaID = "https://github.com/slipway-ml/slipway/blob/main/docs/release.schema.json"

// durationPattern is what the schema lets through as a duration: a sequence of numbers with units.
const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`

// JSONSchema is the schema of release.yaml (JSON Schema draft 2020-12) for
// editors, made from the Go types. It is a little wider than Load: rules that
// span fields, such as rising weights, are beyond it.
func JSONSchema() ([]byte, error) {
	r := jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, Anonymous: true, Mapper: scalarSchema}
	s := r.Reflect(&Release{})
	s.ID = SchemaID
	s.Title = "Slipway release"
	s.Description = "One release of one version of a machine-learning model (release.yaml)."
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("write the json schema of the release spec: %w", err)
	}
	return b.Bytes(), nil
}

// scalarSchema maps the types that stand in YAML as something else than their Go fields.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	minLength := uint64(1)
	switch t {
	case reflect.TypeFor[File]():
		return &jsonschema.Schema{Type: "string", MinLength: &minLength}
	case reflect.TypeFor[Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern, Examples: []any{"500ms", "60s", "72h"}}
	case reflect.TypeFor[Resources]():
		return resourcesSchema()
	case reflect.TypeFor[Params]():
		return &jsonschema.Schema{Type: "object"}
	}
	return nil
}

// JSONSchemaExtend ties each type of policy to its fields.
func (Policy) JSONSchemaExtend(s *jsonschema.Schema) {
	fields := []string{"min_accuracy", "max_latency_ms", "required", "min_score"}
	for _, kind := range []struct {
		name PolicyType
		has  map[string]bool
	}{
		{PolicyPerformance, map[string]bool{"min_accuracy": true, "max_latency_ms": true}},
		{PolicyDataQuality, map[string]bool{"required": true, "min_score": true}},
		{PolicyDocumentation, map[string]bool{"required": true}},
	} {
		when, then := jsonschema.NewProperties(), jsonschema.NewProperties()
		when.Set("type", &jsonschema.Schema{Const: string(kind.name)})
		for _, field := range fields {
			if !kind.has[field] {
				then.Set(field, jsonschema.FalseSchema)
			}
		}
		if kind.name == PolicyDataQuality {
			items := &jsonschema.Schema{}
			for _, check := range QualityChecks() {
				items.Enum = append(items.Enum, check)
			}
			then.Set("required", &jsonschema.Schema{Items: items})
		}
		s.AllOf = append(s.AllOf, &jsonschema.Schema{
			If:   &jsonschema.Schema{Properties: when},
			Then: &jsonschema.Schema{Properties: then},
		})
	}
}
