package spec_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/spec"
)

// TestSchemaFile keeps docs/release.schema.json what the Go types say; go test -run TestSchemaFile -update writes it.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	b, err := spec.JSONSchema()
	require.NoError(t, err)
	golden(t, filepath.Join("..", "..", "docs", "release.schema.json"), string(b))
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := spec.JSONSchema()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource(spec.SchemaID, doc))
	s, err := c.Compile(spec.SchemaID) // checks the schema against draft 2020-12
	require.NoError(t, err)
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal(text, &v))
	return s.Validate(v)
}

func TestSchemaTakesWhatLoadTakes(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	paths, err := filepath.Glob("../../examples/*/release*.yaml")
	require.NoError(t, err)
	for _, path := range append(paths, "testdata/complete.yaml") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, validate(t, s, text), path)
	}
	r := complete(t)
	r.SetDefaults()
	text, err := r.YAML()
	require.NoError(t, err)
	require.NoError(t, validate(t, s, text))
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	for _, name := range []string{
		"unknown field", "unknown top field", "api version", "no api version", "name upper case", "name too long", "version a number", "task",
		"artifact empty", "label missing", "columns not a list", "tests not numbers", "against production", "policy type", "policy limits",
		"foreign policy fields", "resources", "resources, too many of one", "resources not counted", "many resources", "required checks", "durations", "no steps", "analysis", "people", "negative approvals",
	} {
		found := false
		for _, tc := range badSpecs {
			if tc.name == name {
				found = true
				require.Error(t, validate(t, s, []byte(edit(tc.old, tc.with))), name)
			}
		}
		require.True(t, found, name)
	}
}

// The defaults that editors show are the ones that SetDefaults fills in.
func TestSchemaDefaults(t *testing.T) {
	t.Parallel()
	b, err := spec.JSONSchema()
	require.NoError(t, err)
	var doc struct {
		Defs map[string]struct {
			Properties map[string]struct{ Default any } `json:"properties"`
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(b, &doc))
	var r spec.Release
	r.Policies = []spec.Policy{{Type: spec.PolicyPerformance}}
	r.SetDefaults()
	quality := spec.Release{Policies: []spec.Policy{{Type: spec.PolicyDataQuality}}}
	quality.SetDefaults()
	r.Policies[0].MinScore = quality.Policies[0].MinScore
	for _, v := range []any{r.Model.Deployment, r.Tests, r.Tests.AgainstProduction, r.Approvals, r.Canary, r.Canary.Analysis, r.Monitor, r.Policies[0]} {
		rv := reflect.ValueOf(v)
		for i := range rv.NumField() {
			name, _, _ := strings.Cut(rv.Type().Field(i).Tag.Get("yaml"), ",")
			want := doc.Defs[rv.Type().Name()].Properties[name].Default
			field := reflect.Indirect(rv.Field(i))
			label := rv.Type().Name() + "." + name
			switch d := field.Interface().(type) {
			case spec.Duration:
				var w spec.Duration
				require.NoError(t, w.UnmarshalText([]byte(want.(string))), label)
				require.Equal(t, w, d, label)
			case float64:
				require.Equal(t, want, d, label)
			case int, int64:
				require.EqualValues(t, want, d, label)
			case bool:
				require.Equal(t, want, d, label)
			case string:
				if name == "kind" { // the only string with a default
					require.Equal(t, want, d, label)
				}
			}
		}
	}
}

// The names in YAML and JSON are the same: the decoder relies on it.
func TestTagsAgree(t *testing.T) {
	t.Parallel()
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[spec.File]() {
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			y, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			j, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			require.Equal(t, y, j, typ.Name())
			require.NotEmpty(t, y)
			require.NotEmpty(t, f.Tag.Get("jsonschema_description"), typ.Name()+"."+y)
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[spec.Release]())
}
