package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// answer is the numbers of each output, by name.
type answer map[string][]float64

// message is the row as a gRPC request with raw tensors, as tritonclient sends it.
func (m model) message() *pb.ModelInferRequest {
	r := &pb.ModelInferRequest{ModelName: m.name}
	for _, t := range m.row {
		in := &pb.ModelInferRequest_InferInputTensor{Name: t.Name, Datatype: "FP32", Shape: t.Shape}
		var raw []byte
		if t.Type == onnx.String {
			in.Datatype = "BYTES"
			for _, s := range t.Strings {
				raw = binary.LittleEndian.AppendUint32(raw, uint32(len(s))) //nolint:gosec // short
				raw = append(raw, s...)
			}
		}
		for _, v := range t.Floats {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
		r.Inputs = append(r.Inputs, in)
		r.RawInputContents = append(r.RawInputContents, raw)
	}
	return r
}

// reply is an answer as servers of the protocol send it: in JSON, and as a gRPC message with raw tensors.
func (m model) reply(a answer) (text, message []byte, err error) {
	r := &pb.ModelInferResponse{ModelName: m.name, ModelVersion: version}
	var outputs []map[string]any
	for _, o := range m.outputs {
		shape := append([]int64{1}, o.Shape[1:]...)
		var data []any
		var raw []byte
		for _, v := range a[o.Name] {
			if o.Type == onnx.Int64 {
				raw = binary.LittleEndian.AppendUint64(raw, uint64(int64(v))) //nolint:gosec // the bits are those of a signed number
				data = append(data, int64(v))
				continue
			}
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
			data = append(data, float32(v))
		}
		datatype := map[onnx.Type]string{onnx.Int64: "INT64", onnx.Float32: "FP32"}[o.Type]
		outputs = append(outputs, map[string]any{"name": o.Name, "datatype": datatype, "shape": shape, "data": data})
		r.Outputs = append(r.Outputs, &pb.ModelInferResponse_InferOutputTensor{Name: o.Name, Datatype: datatype, Shape: shape})
		r.RawOutputContents = append(r.RawOutputContents, raw)
	}
	if text, err = json.Marshal(map[string]any{"model_name": m.name, "model_version": version, "outputs": outputs}); err != nil {
		return nil, nil, err
	}
	message, err = proto.Marshal(r)
	return text, message, err
}

// readMessage reads a gRPC answer, raw or typed.
func readMessage(r *pb.ModelInferResponse) answer {
	out := answer{}
	for i, t := range r.GetOutputs() {
		var raw []byte
		if i < len(r.GetRawOutputContents()) {
			raw = r.GetRawOutputContents()[i]
		}
		var numbers []float64
		switch t.GetDatatype() {
		case "FP32":
			for ; len(raw) >= 4; raw = raw[4:] {
				numbers = append(numbers, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
			}
			for _, v := range t.GetContents().GetFp32Contents() {
				numbers = append(numbers, float64(v))
			}
		case "INT64":
			for ; len(raw) >= 8; raw = raw[8:] {
				numbers = append(numbers, float64(int64(binary.LittleEndian.Uint64(raw)))) //nolint:gosec // the bits are those of a signed number
			}
			for _, v := range t.GetContents().GetInt64Contents() {
				numbers = append(numbers, float64(v))
			}
		}
		out[t.GetName()] = numbers
	}
	return out
}

// readProtocol reads an answer in the Open Inference Protocol's JSON.
func readProtocol(body []byte) (answer, error) {
	var r struct {
		Outputs []struct {
			Name string `json:"name"`
			Data any    `json:"data"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	out := answer{}
	for _, o := range r.Outputs {
		out[o.Name] = flat(nil, o.Data)
	}
	return out, nil
}

// readPlain reads {output: rows}.
func readPlain(body []byte) (answer, error) {
	var r map[string]any
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	out := answer{}
	for name, rows := range r {
		out[name] = flat(nil, rows)
	}
	return out, nil
}

func flat(to []float64, v any) []float64 {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			to = flat(to, one)
		}
	case float64:
		to = append(to, v)
	}
	return to
}

// same tells what of an answer is not what ONNX Runtime itself says; nil: nothing.
func (want answer) same(got answer) error {
	for name, numbers := range want {
		if len(got[name]) != len(numbers) {
			return fmt.Errorf("output %s has %d numbers, want %d", name, len(got[name]), len(numbers))
		}
		for i, v := range numbers {
			if math.Abs(got[name][i]-v) > 1e-3*max(1, math.Abs(v)) {
				return fmt.Errorf("output %s: number %d is %g, want %g", name, i, got[name][i], v)
			}
		}
	}
	return nil
}
