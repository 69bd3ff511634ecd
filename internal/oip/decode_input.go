package oip

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// wireInput is a tensor as a request states it.
type wireInput struct {
	name, datatype span
	shape          []int64
	parameters     parameters
	data           int // where it begins; 0: nowhere
}

// inputs reads the list of them, in place of those that were read before.
func (d *decoder) inputs() error {
	d.gather.reset()
	d.tail, d.fault = d.behind, nil
	if d.peek() != '[' {
		v, err := d.value()
		if err == nil && string(v) != "null" {
			err = fmt.Errorf("inputs is %s: want a list", clip(string(v)))
		}
		return err
	}
	return d.list(d.input)
}

// input reads the next of the inputs.
func (d *decoder) input() error {
	if d.peek() != '{' {
		v, err := d.value()
		if err != nil {
			return err
		}
		return fmt.Errorf("inputs holds %s: want objects", clip(string(v)))
	}
	var in wireInput
	shapes := len(d.gather.sizes)
	if err := d.object(func(name []byte) error { return d.inputField(&in, shapes, name) }); err != nil {
		return err
	}
	if d.fault == nil {
		err := d.tensor(&in)
		if err == nil {
			return nil
		}
		d.fault = ofInput(in.name.meaning(d.body), err)
	}
	return d.wellFormed(in.data)
}

func (d *decoder) inputField(in *wireInput, shapes int, name []byte) (err error) {
	switch string(name) {
	case "name":
		in.name, err = d.string("name")
	case "datatype":
		in.datatype, err = d.string("datatype")
	case "shape":
		d.gather.sizes = d.gather.sizes[:shapes]
		in.shape, err = d.shape()
	case "parameters":
		in.parameters, err = d.parameters()
	case "data":
		if err := d.wellFormed(in.data); err != nil { // the last counts
			return err
		}
		d.peek()
		in.data = d.at
		if !d.leap() {
			return errSyntax
		}
	default:
		_, err = d.value()
	}
	return err
}

// wellFormed makes sure that a value which nobody reads is one, for leap did not look; 0 is none.
func (d *decoder) wellFormed(at int) error {
	if w := (walker{body: d.body, at: at}); at > 0 && !w.skip() {
		return errSyntax
	}
	return nil
}

// shape reads a list of sizes; null is none.
func (d *decoder) shape() ([]int64, error) {
	if d.peek() != '[' {
		v, err := d.value()
		if err == nil && string(v) != "null" {
			err = fmt.Errorf("shape is %s: want a list of integers", clip(string(v)))
		}
		return nil, err
	}
	start := len(d.gather.sizes)
	err := d.list(func() error {
		d.peek()
		at := d.at
		var n decimal
		if d.number(&n) {
			if size, ok := n.int64(); ok {
				d.gather.sizes = append(d.gather.sizes, size)
				return nil
			}
			d.at = at
		}
		v, err := d.value()
		if err == nil {
			err = fmt.Errorf("shape holds %s: want integers of 64 bits", clip(string(v)))
		}
		return err
	})
	return d.gather.sizes[start:], err
}

// tensor gathers an input whose fields are known.
func (d *decoder) tensor(in *wireInput) error {
	kind, err := elementType(in.datatype.inside(d.body))
	if in.datatype.escaped {
		kind, err = elementType(in.datatype.meaning(d.body))
	}
	if err != nil {
		return err
	}
	n, err := count(in.shape)
	if err != nil {
		return err
	}
	size, binary := in.parameters["binary_data_size"].(int64)
	switch {
	case binary && in.data > 0:
		return Errorf(Invalid, "it has both data and binary_data_size")
	case binary:
		if size < 0 || size > int64(len(d.tail)) {
			return Errorf(Invalid, "binary_data_size is %d, %d bytes are left", size, len(d.tail))
		}
		t := &onnx.Tensor{Type: kind, Shape: in.shape}
		err = decodeRaw(t, n, d.tail[:size], &blocks{})
		d.tail = d.tail[size:]
		d.gather.text(d.body, in.name)
		d.gather.add(kind, in.shape, 0, t)
		return err
	case in.data == 0:
		return Errorf(Invalid, "data is missing")
	}
	end := d.at
	defer func() { d.at = end }()
	d.at = in.data
	return d.data(in.name, kind, in.shape, n, end)
}
