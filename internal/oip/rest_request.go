package oip

import (
	"strconv"

	"github.com/slipway-ml/slipway/internal/onnx"
)

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
	elements, err := count(t.Shape)
	if err == nil {
		err = decodeRaw(&t, elements, body, &blocks{})
	}
	if err != nil {
		return Request{}, ofInput(in.Name, err)
	}
	return Request{Inputs: []onnx.Tensor{t}}, nil
}

// headerLength reads the header that separates JSON from binary tensors; -1: there is none.
func headerLength(value string, body int) (int, error) {
	if value == "" {
		return -1, nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || int(n) > body {
		return 0, Errorf(Invalid, "%s is %q: want a number of bytes from 0 to %d, the length of the body", HeaderLength, clip(value), body)
	}
	return int(n), nil
}
