package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
)

// wrongType is the error that the decoder completes with the name of the field.
func wrongType[T any](text []byte) error {
	const most = 100
	return &json.UnmarshalTypeError{Value: string(text[:min(len(text), most)]), Type: reflect.TypeFor[T]()}
}

// Integer is an int64 that a request may also carry as a string, as protocol
// buffers write it; it goes out as a number.
type Integer int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Integer) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	plain := string(bytes.Trim(text, `"`))
	v, err := strconv.ParseInt(plain, 10, 64)
	if err != nil {
		// 1e3 and 5.0 are integers to protocol buffers.
		f, ferr := strconv.ParseFloat(plain, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
			return wrongType[int64](text)
		}
		v = int64(f)
	}
	*n = Integer(v)
	return nil
}

// Float is a float64 that may be "NaN", "Infinity" or "-Infinity", both ways.
type Float float64

// UnmarshalJSON implements json.Unmarshaler.
func (f *Float) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	v, err := strconv.ParseFloat(string(bytes.Trim(text, `"`)), 64)
	// What is out of range comes back as an infinity, which is what the number means here.
	if err != nil && !math.IsInf(v, 0) {
		return wrongType[float64](text)
	}
	*f = Float(v)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (f Float) MarshalJSON() ([]byte, error) {
	v := float64(f)
	switch {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case math.IsInf(v, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Infinity"`), nil
	}
	return json.Marshal(v)
}

// Bool may be a string too: queries have nothing else, and Python writes True.
type Bool bool

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bool) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	v, err := strconv.ParseBool(string(bytes.Trim(text, `"`)))
	if err != nil {
		return wrongType[bool](text)
	}
	*b = Bool(v)
	return nil
}
