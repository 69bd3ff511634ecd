package ensemble

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

func info(name string, kind onnx.Type, shape ...int64) onnx.Info {
	return onnx.Info{Name: name, Type: kind, Shape: shape}
}

// both is a pipeline in which the second step takes what the first makes and an input of the ensemble.
const both = `kind: ensemble
steps:
  - {name: a, model: {file: a}}
  - {name: b, model: {file: b}, inputs: {left: a.y}}
outputs: [{name: out, from: b.z}, {name: also, from: a.y}]
`

func signatures(change func(a, b *signature)) []signature {
	a := signature{inputs: []onnx.Info{info("x", onnx.Float32, -1, 4)}, outputs: []onnx.Info{info("y", onnx.Float32, -1, 2)}}
	b := signature{inputs: []onnx.Info{info("left", onnx.Float32, -1, 2), info("x", onnx.Float32, -1, -1)}, outputs: []onnx.Info{info("z", onnx.Int64, -1)}}
	change(&a, &b)
	return []signature{a, b}
}

func TestLink(t *testing.T) {
	t.Parallel()
	d, err := Parse([]byte(both))
	require.NoError(t, err)
	g, err := link(d, signatures(func(_, _ *signature) {}))
	require.NoError(t, err)
	require.Equal(t, []onnx.Info{info("x", onnx.Float32, -1, 4)}, g.inputs, "what fits all who take it")
	require.Equal(t, []onnx.Info{info("out", onnx.Int64, -1), info("also", onnx.Float32, -1, 2)}, g.outputs)
	require.Equal(t, []int{0, 1}, []int{g.nodes[0].needs, g.nodes[1].needs})
	require.Equal(t, []int{1}, g.nodes[0].next)

	g, err = link(d, signatures(func(a, b *signature) { a.inputs[0].Shape, b.inputs[0].Shape = nil, nil }))
	require.NoError(t, err, "a shape that is not stated fits any")
	require.Equal(t, []int64{-1, -1}, g.inputs[0].Shape)
}

func TestLinkRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		change func(a, b *signature)
		want   string
	}{
		"another type":  {both, func(_, b *signature) { b.inputs[0].Type = onnx.Float64 }, "step b: input left float64[?,2] does not fit what step a makes, y float32[?,2]"},
		"another width": {both, func(a, _ *signature) { a.outputs[0].Shape = []int64{-1, 3} }, "step b: input left float32[?,2] does not fit what step a makes, y float32[?,3]"},
		"another rank":  {both, func(a, _ *signature) { a.outputs[0].Shape = []int64{-1} }, "does not fit what step a makes"},
		"no output":     {both, func(a, _ *signature) { a.outputs[0].Name = "w" }, "step b: input left: step a (a) has no output y: it makes w float32[?,2]"},
		"no result":     {both, func(_, b *signature) { b.outputs[0].Name = "w" }, "output out: step b (b) has no output z: it makes w int64[?]"},
		"no input":      {both, func(_, b *signature) { b.inputs[0].Name = "right" }, "step b: b has no input left: it takes right float32[?,2], x float32[?,?]"},
		"inputs differ": {both, func(_, b *signature) { b.inputs[1].Type = onnx.String }, "step b: input x string[?,?] does not fit what others take of the ensemble's input, x float32[?,4]"},
		"not listed":    {"inputs: [q]\n" + both, func(_, _ *signature) {}, "step a: input x float32[?,4] is given no tensor, and the ensemble has no input of that name"},
		"not taken":     {"inputs: [x, q]\n" + both, func(_, _ *signature) {}, "input q is taken by no step"},
		"no inputs":     {both, func(a, b *signature) { a.inputs, b.inputs = nil, b.inputs[:1] }, "the ensemble has no inputs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Parse([]byte(c.text))
			require.NoError(t, err)
			_, err = link(d, signatures(c.change))
			require.ErrorContains(t, err, c.want)
		})
	}
}
