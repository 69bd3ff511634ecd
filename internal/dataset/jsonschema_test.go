package dataset_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/dataset"
)

var update = flag.Bool("update", false, "write the JSON Schema anew")

// TestJSONSchema holds the file in docs against the Go types. After a change of
// the types: go test ./internal/dataset -run TestJSONSchema -update
func TestJSONSchema(t *testing.T) {
	t.Parallel()
	want, err := dataset.JSONSchema()
	require.NoError(t, err)
	file := filepath.Join("..", "..", "docs", "data-schema.schema.json")
	if *update {
		require.NoError(t, os.WriteFile(file, want, 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))

	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(want))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", doc))
	compiled, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	valid := func(text []byte) error {
		var tree any
		require.NoError(t, yaml.Unmarshal(text, &tree))
		asJSON, err := json.Marshal(tree)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		require.NoError(t, err)
		return compiled.Validate(value)
	}
	for _, example := range []string{"credit-risk", "mnist"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", example, "schema.yaml"))
		require.NoError(t, err)
		require.NoError(t, valid(text))
	}
	require.NoError(t, valid([]byte(mixedSchema)))
	for _, c := range catalogue(t) {
		require.NoError(t, valid([]byte(c.Schema)), c.Schema)
	}
	require.Error(t, valid([]byte("columns: [{name: a, tpye: string}]")))
	require.Error(t, valid([]byte("columns: [{name: a, type: float}]")))
}
