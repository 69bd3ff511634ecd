package spec_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

// resolved is the complete example with every file stored.
func resolved(t *testing.T) spec.Release {
	t.Helper()
	r := complete(t)
	require.NoError(t, r.EachFile(func(_ string, f *spec.File) error {
		f.Digest, f.Size = "sha256:"+strings.Repeat("0f", 32), 7
		return nil
	}))
	return r
}

func TestEachFile(t *testing.T) {
	t.Parallel()
	r := complete(t)
	var fields []string
	require.NoError(t, r.EachFile(func(field string, f *spec.File) error {
		fields = append(fields, field+"="+f.Path)
		f.Digest = field
		return nil
	}))
	require.Equal(t, []string{
		"model.artifact=models/1.1.0.onnx", "model.external_data[0]=models/1.1.0.onnx.data",
		"model.documents.evaluation_report=evaluation.md",
		"model.documents.model_card=model_card.md",
		"model.documents.training_data=training_data.md",
		"data.train=data/train.csv", "data.test=data/test.csv", "data.reference=data/live.csv", "data.schema=schema.yaml",
	}, fields)
	require.Equal(t, "model.documents.model_card", r.Model.Documents["model_card"].Digest, "changes are kept")
	require.Equal(t, "model.external_data[0]", r.Model.ExternalData[0].Digest)
	require.True(t, spec.IsExternalData("model.external_data[0]"))
	require.False(t, spec.IsExternalData(spec.ArtifactField))

	stop := errors.New("stop")
	for n := range fields {
		seen := 0
		err := r.EachFile(func(string, *spec.File) error {
			if seen == n {
				return stop
			}
			seen++
			return nil
		})
		require.ErrorIs(t, err, stop)
		require.Equal(t, n, seen)
	}
}

func TestResolvedValidate(t *testing.T) {
	t.Parallel()
	r := resolved(t)
	require.NoError(t, spec.ResolvedValidate(r))

	r.Data.Train.Digest = "sha256:" + strings.Repeat("0F", 32)
	r.Data.Test.Size = 0
	r.Model.Artifact.Digest = ""
	r.Model.Name = "../x"
	r.Model.Deployment.AutoScaling = nil
	require.EqualError(t, spec.ResolvedValidate(r), `model.name: "../x" is not allowed; want 1 to 63 of a-z, 0-9, dot, dash and underscore that begin with a letter or digit
model.deployment.auto_scaling: is missing; want true or false
model.artifact.digest: is missing; want sha256: and 64 hexadecimal digits of the stored file
data.train.digest: "sha256:0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0…" is not allowed; want sha256: and 64 hexadecimal digits of the stored file
data.test.size: 0 is not allowed; want the size of the stored file in bytes, more than 0`)

	require.Error(t, spec.ResolvedValidate(spec.Release{}))
}

func TestDecodeJSONFillsDefaults(t *testing.T) {
	t.Parallel()
	file := `{"path":"x","digest":"sha256:` + strings.Repeat("ab", 32) + `","size":3}`
	text := `{"apiVersion":"slipway/v1","model":{"name":"m","version":"1","task":"regression","artifact":` + file +
		`},"data":{"train":` + file + `,"test":` + file + `,"schema":` + file + `,"label":"y"},"policies":null}`
	r, err := spec.DecodeJSON([]byte(text))
	require.NoError(t, err)
	require.NoError(t, spec.ResolvedValidate(r))
	require.Equal(t, r.Data.Train, r.Data.Reference)
	require.Len(t, r.Canary.Steps, 4)
}

func TestDecodeJSONIsStrict(t *testing.T) {
	t.Parallel()
	b, err := json.MarshalIndent(resolved(t), "", "  ")
	require.NoError(t, err)
	good := string(b)
	for _, tc := range []struct{ name, old, with, want string }{
		{"unknown field", `"label": "risk"`, `"lable": "risk"`, `data.lable: unknown field; want one of name, version, train, test, reference, label, schema, environment, sensitive, exclude; did you mean "label"?`},
		{"case", `"model": {`, `"Model": {`, `Model: unknown field`},
		{"twice", `"label": "risk"`, `"label": "risk", "label": "age"`, `data.label: given twice`},
		{"file as path", `"artifact": {`, `"artifact": "m.onnx", "outputs": {}, "x": {`, `model.artifact: "m.onnx" is not allowed; want a mapping of fields`},
		{"file field", `"size": 7`, `"size": 7, "mode": 3`, `model.artifact.mode: unknown field; want one of path, digest, size`},
		{"number as string", `"batch_size": 64`, `"batch_size": "64"`, `model.deployment.batch_size: "64" is not allowed; want a whole number`},
		{"cut off", good[len(good)-5:], "", `the text ends too early; want valid JSON`},
		{"something follows", good[len(good)-2:], "\n}\n[]", `something follows the end of the value; want valid JSON`},
		{"not JSON", `"model": {`, `model: {`, "invalid character 'm'"},
		{"not UTF-8", `"risk"`, "\"\xff\"", "the text is not UTF-8; want valid JSON"},
		{"zero", `"latency_ms": 20`, `"latency_ms": 0`, "tests.latency_ms: 0 is not allowed; want a number above 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, good, tc.old)
			_, err := spec.DecodeJSON([]byte(strings.Replace(good, tc.old, tc.with, 1)))
			require.ErrorContains(t, err, tc.want)
			if tc.name != "not UTF-8" {
				require.Regexp(t, `^line \d+: `, err.Error())
			}
		})
	}
	_, err = spec.DecodeJSON([]byte(strings.Repeat(" ", spec.MaxSize+1)))
	require.ErrorContains(t, err, "larger than 1048576 bytes")
	_, err = spec.DecodeJSON([]byte(strings.Repeat("[", 100_000)))
	require.ErrorContains(t, err, "nest deeper than 64 levels")
	for _, text := range []string{"", "null", "[]", `"x"`, "3", "{}", "nul", `{"model":`} {
		_, err = spec.DecodeJSON([]byte(text))
		require.Error(t, err, text)
	}
}
