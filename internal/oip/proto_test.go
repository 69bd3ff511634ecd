package oip

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
)

func typed(datatype string, c *pb.InferTensorContents, shape ...int64) *pb.ModelInferRequest {
	return &pb.ModelInferRequest{ModelName: "m", Inputs: []*pb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: datatype, Shape: shape, Contents: c}}}
}

func TestTypedContents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   *pb.ModelInferRequest
		want func(*onnx.Tensor)
	}{
		{typed("FP32", &pb.InferTensorContents{Fp32Contents: []float32{1}}, 1), func(t *onnx.Tensor) { t.Type, t.Floats = onnx.Float32, []float32{1} }},
		{typed("FP64", &pb.InferTensorContents{Fp64Contents: []float64{1}}, 1), func(t *onnx.Tensor) { t.Type, t.Doubles = onnx.Float64, []float64{1} }},
		{typed("BOOL", &pb.InferTensorContents{BoolContents: []bool{true}}, 1), func(t *onnx.Tensor) { t.Type, t.Bools = onnx.Bool, []bool{true} }},
		{typed("INT8", &pb.InferTensorContents{IntContents: []int32{-1}}, 1), func(t *onnx.Tensor) { t.Type, t.Ints = onnx.Int8, []int64{-1} }},
		{typed("INT64", &pb.InferTensorContents{Int64Contents: []int64{-1}}, 1), func(t *onnx.Tensor) { t.Type, t.Ints = onnx.Int64, []int64{-1} }},
		{typed("UINT16", &pb.InferTensorContents{UintContents: []uint32{65535}}, 1), func(t *onnx.Tensor) { t.Type, t.Ints = onnx.Uint16, []int64{65535} }},
		{typed("UINT64", &pb.InferTensorContents{Uint64Contents: []uint64{1}}, 1), func(t *onnx.Tensor) { t.Type, t.Ints = onnx.Uint64, []int64{1} }},
		{typed("BYTES", &pb.InferTensorContents{BytesContents: [][]byte{[]byte("a")}}, 1), func(t *onnx.Tensor) { t.Type, t.Strings = onnx.String, []string{"a"} }},
	} {
		want := onnx.Tensor{Name: "x", Shape: []int64{1}}
		c.want(&want)
		got, err := fromProto(c.in)
		require.NoError(t, err)
		require.Equal(t, []onnx.Tensor{want}, got.Inputs)
	}
	both := typed("FP32", &pb.InferTensorContents{Fp32Contents: []float32{1}}, 1)
	both.RawInputContents = [][]byte{{0, 0, 0, 0}}
	two := typed("FP32", nil, 1)
	two.RawInputContents = [][]byte{{}, {}}
	for words, in := range map[string]*pb.ModelInferRequest{
		"no inputs":             {},
		"has contents although": both,
		"2 entries for 1":       two,
		"has no typed form":     typed("BF16", &pb.InferTensorContents{}, 1),
		"does not fit INT8":     typed("INT8", &pb.InferTensorContents{IntContents: []int32{128}}, 1),
		"does not fit UINT8":    typed("UINT8", &pb.InferTensorContents{UintContents: []uint32{256}}, 1),
		"needs 2 values":        typed("FP32", &pb.InferTensorContents{Fp32Contents: []float32{1}}, 2),
		"UINT64 above":          typed("UINT64", &pb.InferTensorContents{Uint64Contents: []uint64{math.MaxUint64}}, 1),
		"negative size":         typed("FP32", nil, -1),
		"needs 1 values":        typed("FP32", nil, 1),
	} {
		_, err := fromProto(in)
		require.ErrorContains(t, err, words)
	}
}

// Whatever arrives as a message is refused or holds exactly what its shapes say.
func FuzzFromProto(f *testing.F) {
	for _, r := range []*pb.ModelInferRequest{
		typed("INT8", &pb.InferTensorContents{IntContents: []int32{1, 2}}, 2, 1),
		{Inputs: []*pb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "BYTES", Shape: []int64{1}}}, RawInputContents: [][]byte{{1, 0, 0, 0, 'a'}}},
		{Parameters: map[string]*pb.InferParameter{"timeout": {ParameterChoice: &pb.InferParameter_Uint64Param{Uint64Param: math.MaxUint64}}}},
	} {
		b, err := proto.Marshal(r)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m pb.ModelInferRequest
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		r, err := fromProto(&m)
		if err != nil {
			return
		}
		for _, in := range r.Inputs {
			n, err := count(in.Shape)
			require.NoError(t, err)
			require.Equal(t, n, in.Len())
		}
	})
}

// A request is read as proto.Unmarshal reads it, or not at all.
func FuzzUnmarshalRequest(f *testing.F) {
	input := func(name string, c *pb.InferTensorContents) *pb.ModelInferRequest_InferInputTensor {
		return &pb.ModelInferRequest_InferInputTensor{Name: name, Datatype: "FP32", Shape: []int64{1, -1, 300}, Contents: c}
	}
	parameters := map[string]*pb.InferParameter{"binary": {ParameterChoice: &pb.InferParameter_BoolParam{BoolParam: true}}}
	for _, r := range []*pb.ModelInferRequest{
		{ModelName: "m", ModelVersion: "1", Id: "é", RawInputContents: [][]byte{{1}, {}}, Inputs: []*pb.ModelInferRequest_InferInputTensor{input("a", nil), {Parameters: parameters}}},
		{Inputs: []*pb.ModelInferRequest_InferInputTensor{
			input("a", &pb.InferTensorContents{Fp32Contents: []float32{1, 2}}), input("b", &pb.InferTensorContents{BytesContents: [][]byte{{}, {0xff}}}),
			input("c", &pb.InferTensorContents{Int64Contents: []int64{-1}}), input("d", &pb.InferTensorContents{IntContents: []int32{1}, BoolContents: []bool{true}}),
		}},
		{Parameters: parameters, Outputs: []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "y", Parameters: parameters}}},
	} {
		b, err := proto.Marshal(r)
		require.NoError(f, err)
		f.Add(b)
		f.Add(append(b, b...))
	}
	f.Add([]byte{0x2a, 2, 0x18, 5})                            // a shape that is not packed
	f.Add([]byte{0x2a, 8, 0x1a, 1, 5, 0x1a, 0, 0x1a, 1, 0xff}) // one in parts
	f.Add([]byte{0x0a, 1, 0xff})                               // no UTF-8
	f.Fuzz(func(t *testing.T, b []byte) {
		var want, got pb.ModelInferRequest
		wrong := proto.Unmarshal(b, &want)
		err := unmarshalRequest(b, &got)
		require.Equal(t, wrong == nil, err == nil, "%v, but %v", wrong, err)
		if err == nil {
			a, err := proto.MarshalOptions{Deterministic: true}.Marshal(&got)
			require.NoError(t, err)
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(&want)
			require.NoError(t, err)
			require.Equal(t, b, a)
		}
	})
}

// A request of very many parts is refused before anything is made of them.
func TestRequestOfTooManyParts(t *testing.T) {
	t.Parallel()
	c := codec{encoding.GetCodecV2(grpcproto.Name)}
	read := func(message []byte) error {
		return c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(message)}, &pb.ModelInferRequest{})
	}
	input := []byte{fieldInputs<<3 | 2, 0}
	require.NoError(t, read(bytes.Repeat(input, maxParts)))
	require.ErrorContains(t, read(bytes.Repeat(input, maxParts+1)), "more than 10000 inputs")
	require.ErrorContains(t, read(append(bytes.Repeat(input, maxParts/2), 0xff)), "proto")
	large, err := proto.Marshal(&pb.ModelInferRequest{RawInputContents: [][]byte{make([]byte, 1<<20), bytes.Repeat(input, 1<<20)}})
	require.NoError(t, err)
	require.NoError(t, read(large), "what is within a part is not counted")
}
