package mlflow

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
)

// wrongType is the error that the decoder completes with the name of the field.
func wrongType[T any](text []byte) error {
	return &json.UnmarshalTypeError{Value: clip(string(text)), Type: reflect.TypeFor[T]()}
}

// integer is an int64 that a request may also carry as a string, as protocol
// buffers write it; it goes out as a number.
type integer int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *integer) UnmarshalJSON(text []byte) error {
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
	*n = integer(v)
	return nil
}

// float is a float64 that may be "NaN", "Infinity" or "-Infinity", both ways.
type float float64

// UnmarshalJSON implements json.Unmarshaler.
func (f *float) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	v, err := strconv.ParseFloat(string(bytes.Trim(text, `"`)), 64)
	// What is out of range comes back as an infinity, which is what the number means here.
	if err != nil && !math.IsInf(v, 0) {
		return wrongType[float64](text)
	}
	*f = float(v)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (f float) MarshalJSON() ([]byte, error) {
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

// boolean may be a string too: queries have nothing else, and Python writes True.
type boolean bool

// UnmarshalJSON implements json.Unmarshaler.
func (b *boolean) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	v, err := strconv.ParseBool(string(bytes.Trim(text, `"`)))
	if err != nil {
		return wrongType[bool](text)
	}
	*b = boolean(v)
	return nil
}
