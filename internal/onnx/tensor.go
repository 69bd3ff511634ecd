package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Type is the element type of a tensor.
type Type string

// Element types. The integer types other than int64 travel in Tensor.Ints and
// are range-checked; types beyond Supported are read in graphs, not run.
const (
	Float32  Type = "float32"
	Float64  Type = "float64"
	Float16  Type = "float16"
	BFloat16 Type = "bfloat16"
	Int64    Type = "int64"
	Int32    Type = "int32"
	Int16    Type = "int16"
	Int8     Type = "int8"
	Uint64   Type = "uint64"
	Uint32   Type = "uint32"
	Uint16   Type = "uint16"
	Uint8    Type = "uint8"
	Bool     Type = "bool"
	String   Type = "string"
	Unknown  Type = "unknown"
)

// Float tells that values of the type are floating-point numbers.
func (t Type) Float() bool { return t == Float32 || t == Float64 || t.Half() }

// Integer tells that values of the type travel in Tensor.Ints.
func (t Type) Integer() bool {
	switch t {
	case Int64, Int32, Int16, Int8, Uint64, Uint32, Uint16, Uint8:
		return true
	}
	return false
}

// Numeric tells that the type is a floating-point or an integer type that can be run.
func (t Type) Numeric() bool { return t.Float() || t.Integer() }

// Supported tells that tensors of the type can be given to and taken from a Session.
func (t Type) Supported() bool { return t.Numeric() || t == Bool || t == String }

// Info describes an input or output of a model. Shape holds -1 where any size
// may stand; a nil Shape says that the model states no shape at all.
type Info struct {
	Name  string  `json:"name"`
	Type  Type    `json:"type"`
	Shape []int64 `json:"shape"`
}

// Fits tells whether a tensor of this shape is what the Info states.
func (i Info) Fits(shape []int64) bool { return i.Shape == nil || matches(i.Shape, shape) }

func (i Info) String() string {
	if i.Shape == nil {
		return fmt.Sprintf("%s %s", i.Name, i.Type)
	}
	return fmt.Sprintf("%s %s%s", i.Name, i.Type, formatShape(i.Shape))
}

// Tensor is a named array, row-major. Exactly the slice that belongs to Type
// is filled: Floats for float32, Doubles for float64, Halves for float16 and
// bfloat16 (their bits), Ints for every integer type, Bools, Strings.
type Tensor struct {
	Name    string
	Type    Type
	Shape   []int64
	Floats  []float32
	Doubles []float64
	Halves  []uint16
	Ints    []int64
	Bools   []bool
	Strings []string
}

// Len is the number of elements held.
func (t *Tensor) Len() int {
	switch {
	case t.Type == Float32:
		return len(t.Floats)
	case t.Type == Float64:
		return len(t.Doubles)
	case t.Type.Half():
		return len(t.Halves)
	case t.Type.Integer():
		return len(t.Ints)
	case t.Type == Bool:
		return len(t.Bools)
	case t.Type == String:
		return len(t.Strings)
	}
	return 0
}

// At is element i as JSON has it: a float64, bool or string.
func (t *Tensor) At(i int) any {
	switch {
	case t.Type == Float32:
		return float64(t.Floats[i])
	case t.Type == Float64:
		return t.Doubles[i]
	case t.Type.Half():
		return float64(FromHalf(t.Type, t.Halves[i]))
	case t.Type == Bool:
		return t.Bools[i]
	case t.Type == String:
		return t.Strings[i]
	}
	return float64(t.Ints[i])
}

// Rows is the size of the first dimension, 1 for a scalar.
func (t *Tensor) Rows() int64 {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[0]
}

// Numbers returns the elements of a numeric tensor as float64, nil for others.
func (t *Tensor) Numbers() []float64 {
	switch {
	case t.Type == Float32:
		return widen(t.Floats)
	case t.Type == Float64:
		return slices.Clone(t.Doubles)
	case t.Type.Half():
		out := make([]float64, len(t.Halves))
		for i, v := range t.Halves {
			out[i] = float64(FromHalf(t.Type, v))
		}
		return out
	case t.Type.Integer():
		return widen(t.Ints)
	}
	return nil
}

func widen[T float32 | int64](in []T) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

// ErrInput says that tensors given to Run do not fit the model.
var ErrInput = errors.New("input does not fit the model")

// Arrange puts the given tensors into the order of the model's inputs and
// checks names, types, shapes and lengths. All misfits are named at once; the
// error wraps ErrInput.
func Arrange(want []Info, given []Tensor) ([]Tensor, error) {
	if arranged(want, given) {
		return given, nil
	}
	if out, ok := permuted(want, given); ok {
		return out, nil
	}
	byName := make(map[string]int, len(given))
	var faults []string
	for i, t := range given {
		if _, twice := byName[t.Name]; twice {
			faults = append(faults, fmt.Sprintf("%s is given twice", t.Name))
		}
		byName[t.Name] = i
	}
	out := make([]Tensor, 0, len(want))
	for _, info := range want {
		i, ok := byName[info.Name]
		if !ok {
			faults = append(faults, fmt.Sprintf("%s is missing", info))
			continue
		}
		delete(byName, info.Name)
		if err := fits(&info, &given[i]); err != nil {
			faults = append(faults, err.Error())
			continue
		}
		out = append(out, given[i])
	}
	for _, t := range given {
		if _, extra := byName[t.Name]; extra {
			faults = append(faults, fmt.Sprintf("%s is no input of the model", t.Name))
			delete(byName, t.Name)
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrInput, strings.Join(faults, "; "))
	}
	return out, nil
}

// arranged tells whether the tensors are in order and fit, as those of most callers are.
func arranged(want []Info, given []Tensor) bool {
	if len(want) != len(given) {
		return false
	}
	for i := range want {
		if want[i].Name != given[i].Name || fits(&want[i], &given[i]) != nil {
			return false
		}
	}
	return true
}

// permuted puts tensors that fit, but come in another order, into that of the model. It searches each among
// all, which is worth it for few.
func permuted(want []Info, given []Tensor) ([]Tensor, bool) {
	if len(want) != len(given) || len(want) > 64 {
		return nil, false
	}
	out := make([]Tensor, len(want))
	for i := range want {
		at := 0
		for at < len(given) && given[at].Name != want[i].Name {
			at++
		}
		if at == len(given) || fits(&want[i], &given[at]) != nil {
			return nil, false
		}
		out[i] = given[at]
	}
	return out, true
}

// fits checks one tensor against what the model states.
func fits(info *Info, t *Tensor) error {
	if t.Type != info.Type {
		return fmt.Errorf("%s has type %s, want %s", t.Name, t.Type, info.Type)
	}
	if info.Shape != nil && !matches(info.Shape, t.Shape) {
		return fmt.Errorf("%s has shape %s, want %s", t.Name, formatShape(t.Shape), formatShape(info.Shape))
	}
	n, err := elements(t.Shape)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	if n == 0 {
		return fmt.Errorf("%s is empty: shape %s", t.Name, formatShape(t.Shape))
	}
	if n != int64(t.Len()) {
		return fmt.Errorf("%s holds %d values, its shape %s needs %d", t.Name, t.Len(), formatShape(t.Shape), n)
	}
	if t.Type == String {
		// The native interface takes C strings, which would end at the first NUL.
		for i, s := range t.Strings {
			if strings.IndexByte(s, 0) >= 0 {
				return fmt.Errorf("%s holds a NUL character in value %d", t.Name, i)
			}
		}
	}
	return nil
}

func matches(want, got []int64) bool {
	if len(want) != len(got) {
		return false
	}
	for i, w := range want {
		if w >= 0 && w != got[i] {
			return false
		}
	}
	return true
}

// elements is the product of the dimensions; negative sizes and overflow are errors.
func elements(shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %s has a negative size", formatShape(shape))
		}
		if d > 0 && n > math.MaxInt64/d {
			return 0, fmt.Errorf("shape %s is too large", formatShape(shape))
		}
		n *= d
	}
	return n, nil
}

// formatShape writes a shape as [?,4], with ? for any size.
func formatShape(shape []int64) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		if parts[i] = fmt.Sprint(d); d < 0 {
			parts[i] = "?"
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}
