package oip

import (
	"encoding/json"
	"fmt"
)

// decoder reads a request's JSON and the binary tensors behind it. The JSON is gone through once,
// and numbers are read where they stand. It may be used again, one request at a time: it keeps its lists.
type decoder struct {
	walker
	gather gatherer
	room   blocks // for what is in binary tensors
	tail   []byte // the binary tensors that no input has taken
	behind []byte // all of them
	fault  error  // the first thing wrong with a tensor, to be said if the rest is JSON
}

func newDecoder() *decoder { return &decoder{gather: newGatherer()} }

// decode reads a request. Nothing of it lies in body; its binary tensors lie in tail.
func (d *decoder) decode(body, tail []byte) (Request, error) {
	d.walker, d.tail, d.behind, d.room = walker{body: body}, tail, tail, blocks{tensors: smallPart}
	defer d.forget()
	var r Request
	if err := d.request(&r); err != nil {
		return Request{}, Errorf(Invalid, "the request is not the protocol's JSON: %w", err)
	}
	switch {
	case d.fault != nil:
		return Request{}, d.fault
	case len(d.gather.inputs) == 0:
		return Request{}, Errorf(Invalid, `"inputs" is missing: send {"inputs": [{"name", "shape", "datatype", "data"}]}`)
	case len(d.tail) != 0:
		return Request{}, Errorf(Invalid, "%d bytes follow the last binary tensor", len(d.tail))
	}
	r.Inputs = d.gather.tensors(body)
	return r, nil
}

// forget lets go of what belongs to the request.
func (d *decoder) forget() {
	d.walker, d.tail, d.behind, d.fault, d.room = walker{}, nil, nil, nil, blocks{}
	d.gather.reset()
}

func (d *decoder) request(r *Request) error {
	if first := d.peek(); first != '{' {
		v, err := d.value()
		if err != nil {
			return d.explain(err)
		}
		return fmt.Errorf("it is %s: want an object", clip(string(v)))
	}
	err := d.object(func(name []byte) error { return d.field(r, name) })
	if err == nil {
		err = d.end()
	}
	return d.explain(err)
}

func (d *decoder) field(r *Request, name []byte) (err error) {
	switch string(name) {
	case "inputs":
		return d.inputs()
	case "id":
		var s span
		if s, err = d.string("id"); err == nil && s.end > 0 {
			r.ID = s.meaning(d.body)
		}
		return err
	case "parameters":
		r.Parameters, err = d.parameters()
		return err
	}
	v, err := d.value()
	if err == nil && string(name) == "outputs" {
		r.Outputs, err = wantedOutputs(v)
	}
	return err
}

// string reads a string; null is an empty one, which stands nowhere.
func (d *decoder) string(name string) (span, error) {
	if d.peek() == '"' {
		s, ok := d.text()
		if !ok {
			return s, errSyntax
		}
		return s, nil
	}
	v, err := d.value()
	if err == nil && string(v) != "null" {
		err = fmt.Errorf("%s is %s: want a string", name, clip(string(v)))
	}
	return span{}, err
}

// wantedOutputs reads the list of outputs that are asked for.
func wantedOutputs(list []byte) ([]Output, error) {
	var wire []struct {
		Name       string     `json:"name"`
		Parameters parameters `json:"parameters"`
	}
	if err := json.Unmarshal(list, &wire); err != nil {
		return nil, err
	}
	out := make([]Output, len(wire))
	for i, w := range wire {
		out[i].Name = w.Name
		if b, ok := w.Parameters["binary_data"].(bool); ok {
			out[i].Binary = &b
		}
		if n, ok := w.Parameters["classification"].(int64); ok {
			out[i].Classes = int(min(max(n, 0), 1<<20))
		}
	}
	return out, nil
}
