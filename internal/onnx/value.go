package onnx

import (
	"errors"
	"fmt"
	"math"

	ort "github.com/yalue/onnxruntime_go"
)

// toNative copies a checked tensor into native form; the caller destroys the value.
func toNative(t *Tensor) (ort.Value, error) {
	shape := ort.Shape(t.Shape) // which the value copies
	switch t.Type {
	case Float32:
		return ort.NewTensor(shape, t.Floats)
	case Float64:
		return ort.NewTensor(shape, t.Doubles)
	case Int64:
		return ort.NewTensor(shape, t.Ints)
	case Int32:
		return narrow[int32](t, shape)
	case Int16:
		return narrow[int16](t, shape)
	case Int8:
		return narrow[int8](t, shape)
	case Uint64:
		return narrow[uint64](t, shape)
	case Uint32:
		return narrow[uint32](t, shape)
	case Uint16:
		return narrow[uint16](t, shape)
	case Uint8:
		return narrow[uint8](t, shape)
	case Float16, BFloat16:
		return halfToNative(t, shape)
	case Bool:
		return ort.NewTensor(shape, t.Bools)
	case String:
		v, err := ort.NewStringTensor(shape)
		if err != nil {
			return nil, err
		}
		if err := v.SetContents(t.Strings); err != nil {
			return nil, errors.Join(err, v.Destroy())
		}
		return v, nil
	}
	return nil, fmt.Errorf("tensors of type %s cannot be run", t.Type)
}

type integer interface {
	int32 | int16 | int8 | uint64 | uint32 | uint16 | uint8
}

func narrow[T integer](t *Tensor, shape ort.Shape) (ort.Value, error) {
	data := make([]T, len(t.Ints))
	for i, v := range t.Ints {
		data[i] = T(v)
		if int64(data[i]) != v || (v < 0) != (data[i] < 0) {
			return nil, fmt.Errorf("%w: %s: %d is not a %s", ErrInput, t.Name, v, t.Type)
		}
	}
	return ort.NewTensor(shape, data)
}

// fromNative copies a native output out; the caller still destroys the value.
func fromNative(name string, v ort.Value) (Tensor, error) {
	t := Tensor{Name: name, Shape: v.GetShape()}
	switch v := v.(type) {
	case *ort.Tensor[float32]:
		t.Type, t.Floats = Float32, v.GetData()
	case *ort.Tensor[float64]:
		t.Type, t.Doubles = Float64, v.GetData()
	case *ort.Tensor[int64]:
		t.Type, t.Ints = Int64, v.GetData()
	case *ort.Tensor[int32]:
		t.Type, t.Ints = Int32, toInts(v.GetData())
	case *ort.Tensor[int16]:
		t.Type, t.Ints = Int16, toInts(v.GetData())
	case *ort.Tensor[int8]:
		t.Type, t.Ints = Int8, toInts(v.GetData())
	case *ort.Tensor[uint64]:
		t.Type, t.Ints = Uint64, toInts(v.GetData())
		for i, n := range v.GetData() {
			if n > math.MaxInt64 {
				return t, fmt.Errorf("output %s: value %d is %d, beyond int64", name, i, n)
			}
		}
	case *ort.Tensor[uint32]:
		t.Type, t.Ints = Uint32, toInts(v.GetData())
	case *ort.Tensor[uint16]:
		t.Type, t.Ints = Uint16, toInts(v.GetData())
	case *ort.Tensor[uint8]:
		t.Type, t.Ints = Uint8, toInts(v.GetData())
	case *ort.Tensor[bool]:
		t.Type, t.Bools = Bool, v.GetData()
	case *ort.StringTensor:
		contents, err := v.GetContents()
		if err != nil {
			return t, fmt.Errorf("output %s: %w", name, err)
		}
		t.Type, t.Strings = String, contents
	case *ort.Sequence:
		return fromMaps(name, v)
	default:
		return t, fmt.Errorf("output %s is a %T, which is not served; give the model a tensor output", name, v)
	}
	return t, nil
}

func toInts[T integer](in []T) []int64 {
	out := make([]int64, len(in))
	for i, v := range in {
		out[i] = int64(v)
	}
	return out
}

// fromMaps turns a sequence of maps, one a row from class to score, as
// scikit-learn's ZipMap makes it, into a float32 matrix with one column a class
// in ascending order of the class, the order of the estimator's classes_.
func fromMaps(name string, seq *ort.Sequence) (Tensor, error) {
	rows, err := seq.GetValues()
	if err != nil {
		return Tensor{}, fmt.Errorf("output %s: %w", name, err)
	}
	t := Tensor{Name: name, Type: Float32, Shape: []int64{int64(len(rows)), 0}}
	for i, row := range rows {
		m, ok := row.(*ort.Map)
		if !ok {
			return t, fmt.Errorf("output %s is a sequence of %T, which is not served; give the model a tensor output", name, row)
		}
		_, values, err := m.GetKeysAndValues()
		if err != nil {
			return t, fmt.Errorf("output %s: %w", name, err)
		}
		// The native map is ordered by key, so keys and values come out ascending.
		scores, ok := values.(*ort.Tensor[float32])
		if !ok {
			return t, fmt.Errorf("output %s maps classes to %T, want float32 scores", name, values)
		}
		if i > 0 && int64(len(scores.GetData())) != t.Shape[1] {
			return t, fmt.Errorf("output %s: row %d scores %d classes, row 0 scores %d", name, i, len(scores.GetData()), t.Shape[1])
		}
		t.Shape[1] = int64(len(scores.GetData()))
		t.Floats = append(t.Floats, scores.GetData()...)
	}
	return t, nil
}
