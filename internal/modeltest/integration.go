package modeltest

import (
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/onnx"
)

const (
	batchCount    = 3
	invariantRows = 64
)

// rows is the i-th batch of the test table, as rows lo to hi-1. A table too
// short for another batch starts over.
func (s *suite) rows(i int) (lo, hi int) {
	total := s.in.Test.Rows()
	batches := (total + s.batch - 1) / s.batch
	lo = i % batches * s.batch
	return lo, min(lo+s.batch, total)
}

// batches runs three batches of the test set (C2).
func (s *suite) batches() Test {
	rows := 0
	for i := range batchCount {
		lo, hi := s.rows(i)
		out, err := s.answers(lo, hi)
		if err != nil {
			return fail(rows, nil, "%s: %s", s.lines(lo, hi), err)
		}
		for _, t := range out {
			if t.Rows() != int64(hi-lo) {
				return fail(rows, nil, "%d rows went in, output %s has %d", hi-lo, t.Name, t.Rows())
			}
		}
		if where, ok := allFinite(out); !ok {
			return fail(rows, "finite", "%s: %s is not finite", s.lines(lo, hi), where)
		}
		rows += hi - lo
	}
	return pass(rows, nil, "%d batches of up to %d rows", batchCount, s.batch)
}

// consistency runs the same batch twice (C2).
func (s *suite) consistency() Test {
	lo, hi := s.rows(0)
	first, err := s.answers(lo, hi)
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	second, err := s.answers(lo, hi)
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	d := difference{}
	for i := range first {
		d.add(first[i], second[i], 0)
	}
	return d.verdict(s.in.Tests.Tolerance, "the same rows answered twice differ", "%d rows twice", hi-lo)
}

// invariance runs up to 64 rows alone and in batches (C2).
func (s *suite) invariance() Test {
	rows := min(invariantRows, s.in.Test.Rows())
	d := difference{}
	for lo := 0; lo < rows; lo += s.batch {
		hi := min(lo+s.batch, rows)
		together, err := s.answers(lo, hi)
		if err != nil {
			return fail(nil, nil, "%s: %s", s.lines(lo, hi), err)
		}
		for i := lo; i < hi; i++ {
			alone, err := s.answers(i, i+1)
			if err != nil {
				return fail(nil, nil, "%s: %s", s.lines(i, i+1), err)
			}
			for k := range alone {
				d.add(row(together[k], i-lo), alone[k], i)
			}
		}
	}
	return d.verdict(s.in.Tests.Tolerance, "a row answered alone and in a batch differs", "%d rows, alone and in batches of up to %d", rows, s.batch)
}

// row cuts one row out of a tensor.
func row(t onnx.Tensor, i int) onnx.Tensor {
	width := t.Len() / int(max(1, t.Rows()))
	cut := onnx.Tensor{Name: t.Name, Type: t.Type, Shape: t.Shape}
	lo, hi := i*width, (i+1)*width
	switch {
	case t.Type == onnx.Float32:
		cut.Floats = t.Floats[lo:hi]
	case t.Type == onnx.Float64:
		cut.Doubles = t.Doubles[lo:hi]
	case t.Type.Half():
		cut.Halves = t.Halves[lo:hi]
	case t.Type.Integer():
		cut.Ints = t.Ints[lo:hi]
	case t.Type == onnx.Bool:
		cut.Bools = t.Bools[lo:hi]
	case t.Type == onnx.String:
		cut.Strings = t.Strings[lo:hi]
	}
	return cut
}

// difference is the largest one between outputs, relative to values above 1:
// |a-b| / max(1, |a|, |b|). Different labels differ by at least 1.
type difference struct {
	largest float64
	where   string
}

func (d *difference) add(a, b onnx.Tensor, at int) {
	if a.Len() != b.Len() {
		d.note(math.Inf(1), a.Name, at)
		return
	}
	switch {
	case a.Type.Numeric():
		x, y := a.Numbers(), b.Numbers()
		for i := range x {
			switch {
			case x[i] == y[i] || math.IsNaN(x[i]) && math.IsNaN(y[i]):
			case a.Type.Integer():
				d.note(math.Abs(x[i]-y[i]), a.Name, at)
			default:
				d.note(math.Abs(x[i]-y[i])/max(1, math.Abs(x[i]), math.Abs(y[i])), a.Name, at)
			}
		}
	case a.Type == onnx.Bool:
		for i := range a.Bools {
			if a.Bools[i] != b.Bools[i] {
				d.note(1, a.Name, at)
			}
		}
	case a.Type == onnx.String:
		for i := range a.Strings {
			if a.Strings[i] != b.Strings[i] {
				d.note(1, a.Name, at)
			}
		}
	}
}

func (d *difference) note(v float64, output string, at int) {
	if math.IsNaN(v) {
		v = math.Inf(1) // a number on one side, none on the other
	}
	if v > d.largest {
		d.largest, d.where = v, fmt.Sprintf("output %s, row %d", output, at+1)
	}
}

func (d *difference) verdict(tolerance float64, reason, detail string, args ...any) Test {
	if d.largest > tolerance {
		t := fail(number(d.largest), tolerance, "%s by %.3g (%s); the limit is %.3g", reason, d.largest, d.where, tolerance)
		t.Detail = fmt.Sprintf(detail, args...)
		return t
	}
	return pass(number(d.largest), tolerance, detail, args...)
}
