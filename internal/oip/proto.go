package oip

import (
	"math"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// fromProto reads a request. Tensors are raw or typed, never both.
func fromProto(r *pb.ModelInferRequest) (Request, error) {
	out := Request{Model: r.GetModelName(), Version: r.GetModelVersion(), ID: r.GetId(), Parameters: fromParameters(r.GetParameters())}
	inputs, raw := r.GetInputs(), r.GetRawInputContents()
	if len(inputs) == 0 {
		return out, Errorf(Invalid, "the request has no inputs")
	}
	if len(raw) != 0 && len(raw) != len(inputs) {
		return out, Errorf(Invalid, "raw_input_contents has %d entries for %d inputs", len(raw), len(inputs))
	}
	out.Inputs = make([]onnx.Tensor, len(inputs))
	room := &blocks{tensors: len(inputs)}
	for i, in := range inputs {
		kind, err := elementType(in.GetDatatype())
		if err != nil {
			return out, ofInput(in.GetName(), err)
		}
		n, err := count(in.GetShape())
		if err != nil {
			return out, ofInput(in.GetName(), err)
		}
		t := onnx.Tensor{Name: in.GetName(), Type: kind, Shape: in.GetShape()}
		switch {
		case len(raw) == 0:
			err = fromContents(&t, n, in.GetContents(), room)
		case in.GetContents() != nil:
			err = Errorf(Invalid, "it has contents although the request has raw_input_contents")
		default:
			err = decodeRaw(&t, n, raw[i], room)
		}
		if err != nil {
			return out, ofInput(in.GetName(), err)
		}
		out.Inputs[i] = t
	}
	for _, o := range r.GetOutputs() {
		wanted := Output{Name: o.GetName()}
		if k, ok := fromParameters(o.GetParameters())["classification"].(int64); ok {
			wanted.Classes = int(min(max(k, 0), 1<<20))
		}
		out.Outputs = append(out.Outputs, wanted)
	}
	return out, nil
}

// fromParameters reads parameters; none are nil.
func fromParameters(in map[string]*pb.InferParameter) map[string]any {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]any, len(in))
	for name, p := range in {
		switch v := p.GetParameterChoice().(type) {
		case *pb.InferParameter_BoolParam:
			out[name] = v.BoolParam
		case *pb.InferParameter_Int64Param:
			out[name] = v.Int64Param
		case *pb.InferParameter_StringParam:
			out[name] = v.StringParam
		case *pb.InferParameter_DoubleParam:
			out[name] = v.DoubleParam
		case *pb.InferParameter_Uint64Param:
			out[name] = int64(min(v.Uint64Param, math.MaxInt64)) //nolint:gosec // bounded
		}
	}
	return out
}

// fromContents reads a typed tensor of n elements. The message's content belongs to the tensor from then on.
func fromContents(t *onnx.Tensor, n int, c *pb.InferTensorContents, room *blocks) error {
	switch t.Type {
	case onnx.Float16, onnx.BFloat16:
		return Errorf(Invalid, "%s has no typed form: send raw_input_contents", datatype(t.Type))
	case onnx.Float32:
		t.Floats = c.GetFp32Contents()
	case onnx.Float64:
		t.Doubles = c.GetFp64Contents()
	case onnx.Bool:
		t.Bools = c.GetBoolContents()
	case onnx.String:
		t.Strings = room.strings(len(c.GetBytesContents()))
		for i, b := range c.GetBytesContents() {
			t.Strings[i] = textOf(b)
		}
	case onnx.Int64:
		t.Ints = c.GetInt64Contents()
	case onnx.Uint64:
		t.Ints = room.integers(len(c.GetUint64Contents()))
		for i, v := range c.GetUint64Contents() {
			if v > math.MaxInt64 {
				return beyond()
			}
			t.Ints[i] = int64(v)
		}
	case onnx.Uint8, onnx.Uint16, onnx.Uint32:
		t.Ints = room.integers(len(c.GetUintContents()))
		for i, v := range c.GetUintContents() {
			t.Ints[i] = int64(v)
		}
	default:
		t.Ints = room.integers(len(c.GetIntContents()))
		for i, v := range c.GetIntContents() {
			t.Ints[i] = int64(v)
		}
	}
	for i, v := range t.Ints {
		if !inRange(t.Type, v) {
			return Errorf(Invalid, "value %d is %d, which does not fit %s", i, v, datatype(t.Type))
		}
	}
	if t.Len() != n {
		return Errorf(Invalid, "the shape %v needs %d values, contents has %d", t.Shape, n, t.Len())
	}
	return nil
}

// toProto writes a response; tensors are raw.
func toProto(r Request, resp Response, outs []answer) *pb.ModelInferResponse {
	out := &pb.ModelInferResponse{ModelName: resp.Model, ModelVersion: resp.Version, Id: r.ID}
	list := make([]pb.ModelInferResponse_InferOutputTensor, len(outs))
	out.Outputs, out.RawOutputContents = make([]*pb.ModelInferResponse_InferOutputTensor, len(outs)), make([][]byte, len(outs))
	for i, o := range outs {
		list[i].Name, list[i].Datatype, list[i].Shape = o.Name, datatype(o.Type), o.Shape
		out.Outputs[i], out.RawOutputContents[i] = &list[i], rawOf(*o.Tensor)
	}
	return out
}

func statisticsProto(m Statistics) *pb.ModelStatistics {
	d := func(v Duration) *pb.StatisticDuration { return &pb.StatisticDuration{Count: v.Count, Ns: v.NS} }
	out := &pb.ModelStatistics{
		Name: m.Name, Version: m.Version, LastInference: m.LastInference, InferenceCount: m.InferenceCount, ExecutionCount: m.ExecutionCount,
		InferenceStats: &pb.InferStatistics{
			Success: d(m.Infer.Success), Fail: d(m.Infer.Fail), Queue: d(m.Infer.Queue), ComputeInput: d(m.Infer.ComputeInput),
			ComputeInfer: d(m.Infer.ComputeInfer), ComputeOutput: d(m.Infer.ComputeOutput), CacheHit: d(m.Infer.CacheHit), CacheMiss: d(m.Infer.CacheMiss),
		},
	}
	for _, b := range m.Batches {
		out.BatchStats = append(out.BatchStats, &pb.InferBatchStatistics{
			BatchSize: b.Size, ComputeInput: d(b.ComputeInput), ComputeInfer: d(b.ComputeInfer), ComputeOutput: d(b.ComputeOutput),
		})
	}
	return out
}
