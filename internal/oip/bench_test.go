package oip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// benchInput is an input as clients write it: the fields in this order.
type benchInput struct {
	Name     string  `json:"name"`
	Shape    []int64 `json:"shape"`
	Datatype string  `json:"datatype"`
	Data     any     `json:"data"`
}

// columns is one row of a table of seven numbers and thirteen texts, an input each.
func columns() []benchInput {
	out := make([]benchInput, 20)
	for i := range out {
		out[i] = benchInput{Name: fmt.Sprintf("attribute_%d", i), Shape: []int64{1, 1}, Datatype: "BYTES", Data: []string{"A" + strconv.Itoa(10*i)}}
		if i%3 == 1 {
			out[i].Datatype, out[i].Data = "FP32", []float32{float32(i) * 12.5}
		}
	}
	return out
}

// pixels is an image of 784 numbers, as float32 or as what Python makes of a float32.
func pixels(exact bool) []benchInput {
	short, long := make([]float32, 784), make([]float64, 784)
	for i := range short {
		short[i] = float32(i%256) / 255
		long[i] = float64(short[i])
	}
	in := benchInput{Name: "pixels", Shape: []int64{1, 784}, Datatype: "FP32", Data: short}
	if exact {
		in.Data = long
	}
	return []benchInput{in}
}

// dataFirst has the fields in the order of the alphabet, as languages write them that sort the keys of maps.
func dataFirst(inputs []benchInput) []map[string]any {
	out := make([]map[string]any, len(inputs))
	for i, in := range inputs {
		out[i] = map[string]any{"name": in.Name, "shape": in.Shape, "datatype": in.Datatype, "data": in.Data}
	}
	return out
}

func BenchmarkDecodeRequest(b *testing.B) {
	for _, c := range []struct {
		name   string
		inputs any
	}{
		{"20 inputs", columns()}, {"20 inputs, data first", dataFirst(columns())},
		{"784 floats", pixels(false)}, {"784 floats of 17 digits", pixels(true)}, {"784 floats, data first", dataFirst(pixels(false))},
	} {
		body, err := json.Marshal(map[string]any{"inputs": c.inputs})
		require.NoError(b, err)
		b.Run(c.name, func(b *testing.B) {
			d := newDecoder()
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.decode(body, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecodeBinary reads inputs that are binary tensors, as most clients made for the protocol send them.
func BenchmarkDecodeBinary(b *testing.B) {
	for name, inputs := range map[string][]benchInput{"20 inputs": columns(), "784 floats": pixels(false)} {
		body, err := json.Marshal(map[string]any{"inputs": inputs})
		require.NoError(b, err)
		r, err := newDecoder().decode(body, nil)
		require.NoError(b, err)
		var tail []byte
		list := make([]map[string]any, len(r.Inputs))
		for i, t := range r.Inputs {
			list[i] = map[string]any{"name": t.Name, "shape": t.Shape, "datatype": datatype(t.Type), "parameters": map[string]any{"binary_data_size": rawSize(t)}}
			tail = appendRaw(tail, t)
		}
		body, err = json.Marshal(map[string]any{"inputs": list})
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			d := newDecoder()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.decode(body, tail); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFromProto reads requests by gRPC, and before that, apart, their messages.
func BenchmarkFromProto(b *testing.B) {
	for _, c := range []struct {
		name   string
		inputs []benchInput
		raw    bool
	}{{"20 inputs", columns(), false}, {"20 inputs, raw", columns(), true}, {"784 floats", pixels(false), false}, {"784 floats, raw", pixels(false), true}} {
		r := &pb.ModelInferRequest{ModelName: "m"}
		for _, in := range c.inputs {
			t := &pb.ModelInferRequest_InferInputTensor{Name: in.Name, Datatype: in.Datatype, Shape: in.Shape, Contents: &pb.InferTensorContents{}}
			switch v := in.Data.(type) {
			case []float32:
				t.Contents.Fp32Contents = v
			case []string:
				for _, s := range v {
					t.Contents.BytesContents = append(t.Contents.BytesContents, []byte(s))
				}
			}
			r.Inputs = append(r.Inputs, t)
		}
		if c.raw {
			read, err := fromProto(r)
			require.NoError(b, err)
			for i, t := range read.Inputs {
				r.RawInputContents = append(r.RawInputContents, rawOf(t))
				r.Inputs[i].Contents = nil
			}
		}
		message, err := proto.Marshal(r)
		require.NoError(b, err)
		var m pb.ModelInferRequest
		require.NoError(b, proto.Unmarshal(message, &m))
		b.Run(c.name+", message", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := unmarshalRequest(bytes.Clone(message), new(pb.ModelInferRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := fromProto(&m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
