package oip

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// wireInput is a tensor as a request states it; data is nil if there is none.
type wireInput struct {
	name, datatype string
	shape          []int64
	parameters     parameters
	data           []byte
}

type wireOutput struct {
	Name       string     `json:"name"`
	Parameters parameters `json:"parameters"`
}

// wireRequest is the JSON of a request.
type wireRequest struct {
	id         string
	parameters parameters
	inputs     []wireInput
	outputs    []wireOutput
}

func (r *wireRequest) read(body []byte) error {
	w := &walker{body: body}
	if first := w.peek(); first != '{' {
		v, err := w.value()
		if err != nil {
			return w.explain(err)
		}
		return fmt.Errorf("it is %s: want an object", clip(string(v)))
	}
	err := w.object(func(name []byte) error { return r.field(w, name) })
	if err == nil {
		err = w.end()
	}
	return w.explain(err)
}

func (r *wireRequest) field(w *walker, name []byte) error {
	if string(name) == "inputs" && w.peek() == '[' {
		r.inputs = make([]wireInput, 0, 4)
		return w.list(func() error { return r.input(w) })
	}
	v, err := w.value()
	if err != nil {
		return err
	}
	switch string(name) {
	case "id":
		r.id, err = text("id", v)
	case "parameters":
		err = json.Unmarshal(v, &r.parameters)
	case "outputs":
		err = json.Unmarshal(v, &r.outputs)
	case "inputs":
		r.inputs = nil
		if !is(v, 'n') {
			err = fmt.Errorf("inputs is %s: want a list", clip(string(v)))
		}
	}
	return err
}

// input reads the next of the inputs.
func (r *wireRequest) input(w *walker) error {
	if w.peek() != '{' {
		v, err := w.value()
		if err != nil {
			return err
		}
		return fmt.Errorf("inputs holds %s: want objects", clip(string(v)))
	}
	var in wireInput
	err := w.object(func(name []byte) error {
		v, err := w.value()
		if err != nil {
			return err
		}
		return in.field(name, v)
	})
	r.inputs = append(r.inputs, in)
	return err
}

func (in *wireInput) field(name, v []byte) (err error) {
	switch string(name) {
	case "name":
		in.name, err = text("name", v)
	case "datatype":
		in.datatype, err = text("datatype", v)
	case "shape":
		in.shape, err = integers("shape", v)
	case "parameters":
		err = json.Unmarshal(v, &in.parameters)
	case "data":
		in.data = v
	}
	return err
}

// decodeRequest reads a request's JSON and the binary tensors behind it.
func decodeRequest(body, tail []byte) (Request, error) {
	var wire wireRequest
	if err := wire.read(body); err != nil {
		return Request{}, Errorf(Invalid, "the request is not the protocol's JSON: %w", err)
	}
	r := Request{ID: wire.id, Parameters: wire.parameters}
	if len(wire.inputs) == 0 {
		return r, Errorf(Invalid, `"inputs" is missing: send {"inputs": [{"name", "shape", "datatype", "data"}]}`)
	}
	r.Inputs = make([]onnx.Tensor, len(wire.inputs))
	for i := range wire.inputs {
		var err error
		if r.Inputs[i], tail, err = decodeInput(&wire.inputs[i], tail); err != nil {
			return r, err
		}
	}
	if len(tail) != 0 {
		return r, Errorf(Invalid, "%d bytes follow the last binary tensor", len(tail))
	}
	for _, out := range wire.outputs {
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
func decodeInput(in *wireInput, tail []byte) (onnx.Tensor, []byte, error) {
	kind, err := elementType(in.datatype)
	if err != nil {
		return onnx.Tensor{}, nil, Errorf(Invalid, "input %q: %w", clip(in.name), err)
	}
	n, err := count(in.name, in.shape)
	if err != nil {
		return onnx.Tensor{}, nil, err
	}
	t := onnx.Tensor{Name: in.name, Type: kind, Shape: in.shape}
	size, binary := in.parameters["binary_data_size"].(int64)
	switch {
	case binary && in.data != nil:
		return t, nil, Errorf(Invalid, "input %q: it has both data and binary_data_size", clip(in.name))
	case binary:
		if size < 0 || size > int64(len(tail)) {
			return t, nil, Errorf(Invalid, "input %q: binary_data_size is %d, %d bytes are left", clip(in.name), size, len(tail))
		}
		err = decodeRaw(&t, n, tail[:size])
		return t, tail[size:], err
	case in.data == nil:
		return t, nil, Errorf(Invalid, "input %q: data is missing", clip(in.name))
	}
	err = decodeData(&t, n, in.data)
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
