package ensemble

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const pipeline = `kind: ensemble
inputs: [pixels]
steps:
  - name: scale
    model: {file: scale.onnx}
    inputs: {raw: pixels}
  - name: digits
    model: {name: mnist, version: 1.0}
    inputs: {pixels: scale.scaled}
outputs:
  - {name: label, from: digits.label}
`

func TestParse(t *testing.T) {
	t.Parallel()
	d, err := Parse([]byte(pipeline))
	require.NoError(t, err)
	require.Equal(t, []string{"pixels"}, d.Inputs)
	require.Equal(t, Member{Name: "mnist", Version: "1.0"}, d.Steps[1].Model, "a version that looks like a number is taken as written")
	require.Equal(t, []int{0}, d.before(1))
	require.True(t, IsDocument([]byte(pipeline)))
	require.True(t, IsDocument([]byte(`{"kind": "ensemble", "steps": 7}`)), "what is wrong with it is told by Parse")
	require.False(t, IsDocument([]byte("kind: release")))
	require.False(t, IsDocument([]byte("\x00")))
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"nothing":             {pipeline, "", "there is nothing in it"},
		"no kind":             {"kind: ensemble\n", "", `kind is "": want "ensemble"`},
		"two documents":       {pipeline, pipeline + "---\n" + pipeline, "one document in a file"},
		"unknown field":       {"kind:", "colour: red\nkind:", "field colour not found"},
		"newer format":        {"kind:", "format: 2\nkind:", "format 2 is not known"},
		"no steps":            {pipeline, "kind: ensemble\noutputs: []", "steps: there are 0"},
		"a step twice":        {"name: digits", "name: scale", `steps[1]: the name "scale" is there twice`},
		"a dot in a name":     {"name: digits", "name: di.gits", `steps[1]: name "di.gits"`},
		"file and name":       {"{file: scale.onnx}", "{file: scale.onnx, name: x}", "step scale: model: it has a file and a name or version"},
		"a file elsewhere":    {"scale.onnx", "../scale.onnx", "below the document's folder"},
		"an absolute path":    {"scale.onnx", "/etc/passwd", "below the document's folder"},
		"no version":          {", version: 1.0", "", "want the name and the version"},
		"no digest":           {"version: 1.0", "version: 1.0, digest: abc", `model.digest "abc"`},
		"unknown input":       {"raw: pixels", "raw: pixel", `step scale: input raw takes "pixel", which is neither`},
		"unknown step":        {"scale.scaled", "scael.scaled", `step digits: input pixels takes "scael.scaled", which is neither`},
		"input twice":         {"[pixels]", "[pixels, pixels]", "input pixels is there twice"},
		"input like a step's": {"[pixels]", "[pixels, digits.x]", "input digits.x is called like an output of step digits"},
		"output twice":        {"outputs:\n", "outputs:\n  - {name: label, from: scale.scaled}\n", "output label is there twice"},
		"output of no step":   {"digits.label", "pixels", `output label is from "pixels", which no step makes`},
		"no outputs":          {"  - {name: label, from: digits.label}\n", "", "outputs: there are 0"},
		"cycle":               {"raw: pixels", "raw: digits.label", "steps wait for each other: scale takes from digits takes from scale"},
		"own output":          {"raw: pixels", "raw: scale.scaled", "steps wait for each other: scale takes from scale"},
		"of no use":           {"{pixels: scale.scaled}", "{pixels: pixels}", "no output depends on step scale"},
		"too large":           {pipeline, pipeline + "#" + strings.Repeat("x", MaxDocument), "want at most"},
		"too many steps":      {"steps:\n", "steps:\n" + strings.Repeat("  - {name: a, model: {file: b}}\n", MaxSteps), "want 1 to 64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(pipeline, c.old, c.new, 1)
			require.NotEqual(t, pipeline, text)
			_, err := Parse([]byte(text))
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "ensemble: ")
		})
	}
}

// A document that was taken can be packed and read again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(pipeline))
	f.Add([]byte(`{"kind":"ensemble","steps":[{"name":"a","model":{"file":"b"}}],"outputs":[{"name":"o","from":"a.o"}]}`))
	f.Add([]byte("kind: ensemble\nsteps: &a [*a]\n"))
	f.Add([]byte("kind: ensemble\nsteps: [{name: a, model: {file: b}, inputs: {x: b.y}}, {name: b, model: {file: b}, inputs: {x: a.y}}]\noutputs: [{name: o, from: a.o}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		require.True(t, IsDocument(b))
		for i := range d.Steps {
			d.Steps[i].Model.Digest = digestOf(d.Steps[i].Model.String())
		}
		bundle, err := Open(packed(t, d))
		require.NoError(t, err)
		d.Format = format
		require.Equal(t, d.Steps, bundle.Steps)
	})
}
