package onnx

import "fmt"

// maxZeros bounds the elements of a tensor that Zeros makes.
const maxZeros = 1 << 26

// Zeros is a tensor of zeros, false or empty strings that the input takes; every
// free size is 1. An input without a shape, or of an absurd one, has none: the tensor is empty.
func Zeros(in Info) Tensor {
	t := Tensor{Name: in.Name, Type: in.Type, Shape: make([]int64, len(in.Shape))}
	for i, d := range in.Shape {
		if t.Shape[i] = d; d < 0 {
			t.Shape[i] = 1
		}
	}
	n, err := elements(t.Shape)
	if err != nil || n > maxZeros || in.Shape == nil {
		return t
	}
	switch {
	case t.Type == Float32:
		t.Floats = make([]float32, n)
	case t.Type == Float64:
		t.Doubles = make([]float64, n)
	case t.Type.Half():
		t.Halves = make([]uint16, n)
	case t.Type.Integer():
		t.Ints = make([]int64, n)
	case t.Type == Bool:
		t.Bools = make([]bool, n)
	case t.Type == String:
		t.Strings = make([]string, n)
	}
	return t
}

// Concat puts tensors of several requests together along the first dimension.
// Each request has the same tensors in the same order, and equal tensors differ
// in their first dimension only. The inputs are not modified.
func Concat(requests [][]Tensor) []Tensor {
	if len(requests) == 1 {
		return requests[0]
	}
	out := make([]Tensor, len(requests[0]))
	var sizes shapes
	for i := range requests[0] {
		first, t := &requests[0][i], &out[i]
		t.Name, t.Type, t.Shape = first.Name, first.Type, sizes.clone(first.Shape)
		t.Shape[0] = 0
		n := 0
		for _, r := range requests {
			n += r[i].Len()
			t.Shape[0] += r[i].Shape[0]
		}
		switch {
		case first.Type == Float32:
			t.Floats = join(n, requests, func(r []Tensor) []float32 { return r[i].Floats })
		case first.Type == Float64:
			t.Doubles = join(n, requests, func(r []Tensor) []float64 { return r[i].Doubles })
		case first.Type.Half():
			t.Halves = join(n, requests, func(r []Tensor) []uint16 { return r[i].Halves })
		case first.Type.Integer():
			t.Ints = join(n, requests, func(r []Tensor) []int64 { return r[i].Ints })
		case first.Type == Bool:
			t.Bools = join(n, requests, func(r []Tensor) []bool { return r[i].Bools })
		case first.Type == String:
			t.Strings = join(n, requests, func(r []Tensor) []string { return r[i].Strings })
		}
	}
	return out
}

// shapes makes copies of shapes, many of which share an allocation.
type shapes struct{ room []int64 }

func (s *shapes) clone(shape []int64) []int64 {
	if cap(s.room)-len(s.room) < len(shape) {
		s.room = make([]int64, 0, max(64, len(shape)))
	}
	start := len(s.room)
	s.room = append(s.room, shape...)
	return s.room[start:len(s.room):len(s.room)]
}

func join[T any](n int, requests [][]Tensor, values func([]Tensor) []T) []T {
	out := make([]T, 0, n)
	for _, r := range requests {
		out = append(out, values(r)...)
	}
	return out
}

// Split undoes Concat on the outputs: the first rows[0] rows are the first
// request's, and so on. A tensor whose first dimension is not the sum of rows is an error.
func Split(out []Tensor, rows []int64) ([][]Tensor, error) {
	total := int64(0)
	for _, n := range rows {
		total += n
	}
	parts, all := make([][]Tensor, len(rows)), make([]Tensor, len(rows)*len(out))
	for i := range parts {
		parts[i] = all[i*len(out) : (i+1)*len(out) : (i+1)*len(out)]
	}
	var sizes shapes
	for i := range out {
		t := &out[i]
		if len(t.Shape) == 0 || t.Shape[0] != total {
			return nil, fmt.Errorf("output %s has shape %s for %d rows: it has not one entry a row", t.Name, formatShape(t.Shape), total)
		}
		width := t.Len() / int(max(total, 1))
		at := 0
		for j, n := range rows {
			part := &parts[j][i]
			part.Name, part.Type, part.Shape = t.Name, t.Type, sizes.clone(t.Shape)
			part.Shape[0] = n
			end := at + int(n)*width
			switch {
			case t.Type == Float32:
				part.Floats = t.Floats[at:end:end]
			case t.Type == Float64:
				part.Doubles = t.Doubles[at:end:end]
			case t.Type.Half():
				part.Halves = t.Halves[at:end:end]
			case t.Type.Integer():
				part.Ints = t.Ints[at:end:end]
			case t.Type == Bool:
				part.Bools = t.Bools[at:end:end]
			case t.Type == String:
				part.Strings = t.Strings[at:end:end]
			}
			at = end
		}
	}
	return parts, nil
}
