package runtimetest

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// Tensor is a tensor in the protocol's binary form.
type Tensor struct {
	Name     string
	Datatype string
	Shape    []int64
	Raw      []byte
}

// FP32 makes a tensor of float32.
func FP32(name string, shape []int64, values ...float32) Tensor {
	t := Tensor{Name: name, Datatype: "FP32", Shape: shape}
	for _, v := range values {
		t.Raw = binary.LittleEndian.AppendUint32(t.Raw, math.Float32bits(v))
	}
	return t
}

// FP64 makes a tensor of float64.
func FP64(name string, shape []int64, values ...float64) Tensor {
	t := Tensor{Name: name, Datatype: "FP64", Shape: shape}
	for _, v := range values {
		t.Raw = binary.LittleEndian.AppendUint64(t.Raw, math.Float64bits(v))
	}
	return t
}

// INT64 makes a tensor of int64.
func INT64(name string, shape []int64, values ...int64) Tensor {
	t := Tensor{Name: name, Datatype: "INT64", Shape: shape}
	for _, v := range values {
		t.Raw = binary.LittleEndian.AppendUint64(t.Raw, uint64(v)) //nolint:gosec // the bits are what is sent
	}
	return t
}

// BYTES makes a tensor of strings.
func BYTES(name string, shape []int64, values ...string) Tensor {
	t := Tensor{Name: name, Datatype: "BYTES", Shape: shape}
	for _, v := range values {
		t.Raw = binary.LittleEndian.AppendUint32(t.Raw, uint32(len(v))) //nolint:gosec // short
		t.Raw = append(t.Raw, v...)
	}
	return t
}

// elements are the parts of the binary form, one an element.
func (t Tensor) elements() [][]byte {
	width := map[string]int{"BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "FP16": 2, "BF16": 2, "INT32": 4, "UINT32": 4, "FP32": 4}[t.Datatype]
	if width == 0 {
		width = 8
	}
	var out [][]byte
	for raw := t.Raw; len(raw) > 0; {
		n := width
		if t.Datatype == "BYTES" {
			n = 4 + int(binary.LittleEndian.Uint32(raw))
		}
		out = append(out, raw[:n])
		raw = raw[n:]
	}
	return out
}

// row cuts row i out of a tensor whose first dimension are rows.
func (t Tensor) row(i int64) Tensor {
	all := t.elements()
	width := int64(len(all)) / t.Shape[0]
	cut := Tensor{Name: t.Name, Datatype: t.Datatype, Shape: append([]int64{1}, t.Shape[1:]...)}
	for _, e := range all[i*width : (i+1)*width] {
		cut.Raw = append(cut.Raw, e...)
	}
	return cut
}

func rows(in []Tensor, i int64) []Tensor {
	out := make([]Tensor, len(in))
	for at, t := range in {
		out[at] = t.row(i)
	}
	return out
}

// request asks for every output.
func request(model, version string, in []Tensor) *pb.ModelInferRequest {
	r := &pb.ModelInferRequest{ModelName: model, ModelVersion: version, Id: "a"}
	for _, t := range in {
		r.Inputs = append(r.Inputs, &pb.ModelInferRequest_InferInputTensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
		r.RawInputContents = append(r.RawInputContents, t.Raw)
	}
	return r
}

// answered reads a response.
func answered(t testing.TB, r *pb.ModelInferResponse) []Tensor {
	t.Helper()
	require.Len(t, r.GetRawOutputContents(), len(r.GetOutputs()), "one raw content for each output")
	out := make([]Tensor, len(r.GetOutputs()))
	for i, o := range r.GetOutputs() {
		require.Nil(t, o.GetContents(), "raw and typed contents of %s", o.GetName())
		out[i] = Tensor{Name: o.GetName(), Datatype: o.GetDatatype(), Shape: o.GetShape(), Raw: r.GetRawOutputContents()[i]}
	}
	return out
}

// requireClose compares tensors; floating-point numbers may differ by tolerance, relative to values above 1.
func requireClose(t testing.TB, want, got []Tensor, tolerance float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		g := got[i]
		require.Equal(t, w.Name, g.Name)
		require.Equal(t, w.Datatype, g.Datatype, w.Name)
		require.Equal(t, w.Shape, g.Shape, w.Name)
		a, b := w.elements(), g.elements()
		require.Len(t, b, len(a), w.Name)
		for k := range a {
			x, y, float := number(w.Datatype, a[k], b[k])
			if !float {
				require.Equal(t, a[k], b[k], "%s, value %d", w.Name, k)
				continue
			}
			require.LessOrEqual(t, math.Abs(x-y), tolerance*max(1, math.Abs(x)), "%s, value %d: want %v, got %v", w.Name, k, x, y)
		}
	}
}

func number(datatype string, a, b []byte) (x, y float64, float bool) {
	le := binary.LittleEndian
	switch datatype {
	case "FP32":
		return float64(math.Float32frombits(le.Uint32(a))), float64(math.Float32frombits(le.Uint32(b))), true
	case "FP64":
		return math.Float64frombits(le.Uint64(a)), math.Float64frombits(le.Uint64(b)), true
	}
	return 0, 0, false
}
