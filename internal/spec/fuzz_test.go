package spec_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/spec"
)

// survives checks that a spec that was accepted comes back the same through JSON and YAML.
func survives(t *testing.T, r spec.Release) {
	t.Helper()
	b, err := json.Marshal(r)
	require.NoError(t, err)
	if len(b) > spec.MaxSize { // JSON is longer; a spec near the limit need not fit
		return
	}
	back, err := spec.DecodeJSON(b)
	require.NoError(t, err, string(b))
	require.Equal(t, r, back)
	var lenient spec.Release
	require.NoError(t, json.Unmarshal(b, &lenient))
	require.Equal(t, r, lenient)
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("testdata/complete.yaml")
	require.NoError(f, err)
	f.Add(b)
	for _, tc := range badSpecs {
		f.Add([]byte(edit(tc.old, tc.with)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := spec.Parse("fuzz.yaml", b)
		if err != nil {
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			require.NotEmpty(t, problems.Error())
			return
		}
		survives(t, r)
		text, err := r.YAML()
		require.NoError(t, err)
		back, err := spec.Parse("again.yaml", text)
		require.NoError(t, err, string(text))
		require.Equal(t, r, back)
	})
}

func FuzzDecodeJSON(f *testing.F) {
	b, err := os.ReadFile("testdata/complete.yaml")
	require.NoError(f, err)
	r, err := spec.Parse("complete.yaml", b)
	require.NoError(f, err)
	b, err = json.Marshal(r)
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte(`{"apiVersion":"slipway/v1","model":{"hyperparameters":{"a":[1e5,-0.0,12345678901234567890,"\ud800",null]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := spec.DecodeJSON(b)
		if err != nil {
			return
		}
		survives(t, r)
	})
}

// FuzzParams reads free values and checks that nothing of them is lost on the way through JSON and YAML.
func FuzzParams(f *testing.F) {
	for _, text := range []string{"a: 1", "a: 1.0\nb: [x, yes, ~, 0x1f]", "a: &x {b: \"\\t\"}\nc: *x", "s: |\n  line\n   more\n", "n: -0.0\nbig: 99999999999999999999", "d: 2024-01-31\n? k\n: v", "{1e3: x, '': \"\\u2028\\x01\"}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, fromJSON, fromYAML spec.Params
		if yaml.Unmarshal(b, &p) != nil {
			return
		}
		text, err := json.Marshal(p)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &fromJSON))
		require.Equal(t, p, fromJSON, string(text))
		text, err = yaml.Marshal(p)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, &fromYAML), string(text))
		require.Equal(t, p, fromYAML, string(text))
	})
}
