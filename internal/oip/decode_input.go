package oip

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// wireInput is a tensor as a request states it.
type wireInput struct {
	name, datatype span
	shape          []int64
	binary         bool  // its values are a binary tensor
	size           int64 // of that, in bytes
	data           int   // where it begins; 0: nowhere
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
		in.size, in.binary, err = d.binarySize()
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

// binarySize reads the parameters of an input, of which no other counts.
func (d *decoder) binarySize() (size int64, said bool, err error) {
	if d.peek() != '{' {
		_, err = d.parameters()
		return 0, false, err
	}
	err = d.object(func(name []byte) error {
		v, err := d.parameter()
		if string(name) == "binary_data_size" {
			size, said = v.(int64)
		}
		return err
	})
	return size, said, err
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
	switch {
	case in.binary && in.data > 0:
		return Errorf(Invalid, "it has both data and binary_data_size")
	case in.binary:
		if in.size < 0 || in.size > int64(len(d.tail)) {
			return Errorf(Invalid, "binary_data_size is %d, %d bytes are left", in.size, len(d.tail))
		}
		t := onnx.Tensor{Type: kind, Shape: in.shape}
		err = decodeRaw(&t, n, d.tail[:in.size], &d.room)
		d.tail = d.tail[in.size:]
		d.gather.text(d.body, in.name)
		d.gather.addOwn(t)
		return err
	case in.data == 0:
		return Errorf(Invalid, "data is missing")
	}
	end := d.at
	defer func() { d.at = end }()
	d.at = in.data
	return d.data(in.name, kind, in.shape, n, end)
}
