package spec_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

// docs/release-spec.md names every field and shows testdata/complete.yaml, which has every field that may stand together.
func TestDocumentIsComplete(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/release-spec.md")
	require.NoError(t, err)
	doc := string(b)
	example, err := os.ReadFile("testdata/complete.yaml")
	require.NoError(t, err)
	require.Contains(t, doc, "```yaml\n"+string(example)+"```")

	b, err = spec.JSONSchema()
	require.NoError(t, err)
	var schema struct {
		Properties map[string]any
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(b, &schema))
	for section, def := range schema.Defs {
		for field := range def.Properties {
			require.True(t, strings.Contains(doc, "`"+field+"`") || strings.Contains(doc, "."+field+"`") || strings.Contains(doc, "`"+field+"."), section+"."+field)
			if field != "max_rmse" { // of a regression
				require.Contains(t, string(example), field+":", section)
			}
		}
	}
	for field := range schema.Properties {
		require.Contains(t, doc, "`"+field+"`")
	}
}
