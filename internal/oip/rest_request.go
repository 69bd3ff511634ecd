package oip

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// parameters are named values: strings, bools, int64, float64. Others are ignored.
type parameters map[string]any

// UnmarshalJSON keeps integers exact.
func (p *parameters) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		return err
	}
	*p = make(parameters, len(all))
	for name, v := range all {
		switch v := v.(type) {
		case string, bool:
			(*p)[name] = v
		case json.Number:
			if n, err := v.Int64(); err == nil {
				(*p)[name] = n
			} else if f, err := v.Float64(); err == nil {
				(*p)[name] = f
			}
		}
	}
	return nil
}

type wireInput struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      []int64         `json:"shape"`
	Parameters parameters      `json:"parameters"`
	Data       json.RawMessage `json:"data"`
}

type wireOutput struct {
	Name       string     `json:"name"`
	Parameters parameters `json:"parameters"`
}

type wireRequest struct {
	ID         string       `json:"id"`
	Parameters parameters   `json:"parameters"`
	Inputs     []wireInput  `json:"inputs"`
	Outputs    []wireOutput `json:"outputs"`
}

// decodeRequest reads a request's JSON and the binary tensors behind it.
func decodeRequest(text, tail []byte) (Request, error) {
	var wire wireRequest
	if err := json.Unmarshal(text, &wire); err != nil {
		return Request{}, Errorf(Invalid, "the request is not the protocol's JSON: %w", err)
	}
	r := Request{ID: wire.ID, Parameters: wire.Parameters}
	if len(wire.Inputs) == 0 {
		return r, Errorf(Invalid, `"inputs" is missing: send {"inputs": [{"name", "shape", "datatype", "data"}]}`)
	}
	for _, in := range wire.Inputs {
		t, rest, err := decodeInput(in, tail)
		if err != nil {
			return r, err
		}
		tail = rest
		r.Inputs = append(r.Inputs, t)
	}
	if len(tail) != 0 {
		return r, Errorf(Invalid, "%d bytes follow the last binary tensor", len(tail))
	}
	for _, out := range wire.Outputs {
		o := Output{Name: out.Name}
		if b, ok := out.Parameters["binary_data"].(bool); ok {
			o.Binary = &b
		}
		if n, ok := out.Parameters["classification"].(int64); ok {
			o.Classes = int(min(max(n, 0), 1<<20))
		}
		r.Outputs = append(r.Outputs, o)
	}
	return r, nil
}

// decodeInput reads one tensor and returns what is left of the binary tail.
func decodeInput(in wireInput, tail []byte) (onnx.Tensor, []byte, error) {
	kind, err := elementType(in.Datatype)
	if err != nil {
		return onnx.Tensor{}, nil, Errorf(Invalid, "input %q: %w", clip(in.Name), err)
	}
	n, err := count(in.Name, in.Shape)
	if err != nil {
		return onnx.Tensor{}, nil, err
	}
	t := onnx.Tensor{Name: in.Name, Type: kind, Shape: in.Shape}
	size, binary := in.Parameters["binary_data_size"].(int64)
	switch {
	case binary && in.Data != nil:
		return t, nil, Errorf(Invalid, "input %q: it has both data and binary_data_size", clip(in.Name))
	case binary:
		if size < 0 || size > int64(len(tail)) {
			return t, nil, Errorf(Invalid, "input %q: binary_data_size is %d, %d bytes are left", clip(in.Name), size, len(tail))
		}
		err = decodeRaw(&t, n, tail[:size])
		return t, tail[size:], err
	case in.Data == nil:
		return t, nil, Errorf(Invalid, "input %q: data is missing", clip(in.Name))
	}
	err = decodeData(&t, n, in.Data)
	return t, tail, err
}

// rawRequest is a body that is nothing but the one input of a model: a batch of
// one whose single free size follows from the number of bytes.
func rawRequest(inputs []onnx.Info, body []byte) (Request, error) {
	if len(inputs) != 1 {
		return Request{}, Errorf(Invalid, "a raw request needs a model of one input, this one has %d", len(inputs))
	}
	in := inputs[0]
	t := onnx.Tensor{Name: in.Name, Type: in.Type}
	if in.Type == onnx.String {
		t.Shape, t.Strings = make([]int64, max(len(in.Shape), 1)), []string{string(body)}
		for i := range t.Shape {
			t.Shape[i] = 1
		}
		return Request{Inputs: []onnx.Tensor{t}}, nil
	}
	n, free := int64(len(body)/max(width(in.Type), 1)), -1
	known := int64(1)
	for i, d := range in.Shape {
		switch {
		case i == 0 && d < 0:
			d = 1
		case d < 0 && free >= 0:
			return Request{}, Errorf(Invalid, "a raw request needs a model with one free size at most, %s has more", in)
		case d < 0:
			free, d = i, 1
		}
		t.Shape = append(t.Shape, d)
		known *= max(d, 1)
	}
	if free >= 0 {
		t.Shape[free] = n / known
	}
	elements, err := count(in.Name, t.Shape)
	if err != nil {
		return Request{}, err
	}
	if err := decodeRaw(&t, elements, body); err != nil {
		return Request{}, err
	}
	return Request{Inputs: []onnx.Tensor{t}}, nil
}

// headerLength reads the header that separates JSON from binary tensors; -1: there is none.
func headerLength(value string, body int) (int, error) {
	if value == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > body {
		return 0, Errorf(Invalid, "%s is %q: want a number of bytes from 0 to %d, the length of the body", HeaderLength, clip(value), body)
	}
	return n, nil
}
