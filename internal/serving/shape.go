package serving

import (
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// batchable tells that the rows of several requests can go through the model
// together: every input and output has a first dimension of any size.
func batchable(inputs, outputs []onnx.Info) bool {
	for _, list := range [][]onnx.Info{inputs, outputs} {
		for _, info := range list {
			if len(info.Shape) == 0 || info.Shape[0] >= 0 {
				return false
			}
		}
	}
	return len(inputs) > 0
}

// uniform tells that the inputs have no open size but their first.
func uniform(inputs []onnx.Info) bool {
	for _, info := range inputs {
		if len(info.Shape) == 0 || slices.ContainsFunc(info.Shape[1:], func(d int64) bool { return d < 0 }) {
			return false
		}
	}
	return true
}

// shapeKey is equal for requests that differ in their number of rows only. Empty:
// the inputs have no common first dimension, so nothing can be put together.
func shapeKey(in []onnx.Tensor, uniform bool) string {
	for i := range in {
		if len(in[i].Shape) == 0 || in[i].Shape[0] != in[0].Shape[0] {
			return ""
		}
	}
	if uniform {
		return "rows"
	}
	key := make([]byte, 0, 64)
	for i := range in {
		t := &in[i]
		key = append(key, t.Name...)
		key = append(key, 0)
		for _, d := range t.Shape[1:] {
			key = strconv.AppendInt(key, d, 36)
			key = append(key, ',')
		}
	}
	return string(key)
}
