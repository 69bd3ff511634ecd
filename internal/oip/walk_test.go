package oip

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rebuilt is a value as encoding/json reads it, but for the lists and objects, which the walker takes apart.
func rebuilt(t *testing.T, value []byte) any {
	t.Helper()
	var out any
	switch {
	case value[0] == '{':
		fields := map[string]any{}
		w := walker{body: value}
		require.NoError(t, w.object(func(name []byte) error {
			v, err := w.value()
			require.NoError(t, err)
			var key string
			require.NoError(t, json.Unmarshal([]byte(`"`+string(name)+`"`), &key))
			fields[key] = rebuilt(t, v)
			return nil
		}))
		out = fields
	case value[0] == '[':
		items := []any{}
		w := walker{body: value}
		require.NoError(t, w.list(func() error {
			v, err := w.value()
			require.NoError(t, err)
			items = append(items, rebuilt(t, v))
			return nil
		}))
		out = items
	default:
		require.NoError(t, json.Unmarshal(value, &out), "%q", value)
		if value[0] == '"' {
			w := walker{body: value}
			s, ok := w.text()
			require.True(t, ok)
			require.Equal(t, out, s.meaning(value))
		}
	}
	return out
}

// FuzzWalker takes JSON apart and puts it together again: it must be what encoding/json reads.
func FuzzWalker(f *testing.F) {
	for _, seed := range []string{
		` {"a" : [1, -2.5e3,{"b]":"}\\"}, []], "c":null,"":{},"\u00e9\"":"\ud800x"} `, `[[[]],[ ],{ } , true,"a,b"]`, `0`, `"\\"`, `{"a":1,"a":{"b":[2]}}`, "\"\xff\"", `{"a":01}`, `[1,]`, `{,}`, `[1 2]`, `-`, `1e+`, `"\u12g4"`, `tru`, `{"a" 1}`, `[}`, "\"\n\"", ` `, `1 1`, `1.`, `-0.0E-9`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := walker{body: body}
		value, err := w.value()
		if err == nil {
			err = w.end()
		}
		if err != nil || !json.Valid(body) {
			if bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) <= maxNesting {
				require.Equal(t, json.Valid(body), err == nil, "%v", err)
			}
			return
		}
		var want any
		if json.Unmarshal(body, &want) != nil { // a number that fits no float64
			return
		}
		require.Equal(t, want, rebuilt(t, value))
	})
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	deep := func(levels int) []byte {
		return []byte(`{"inputs":[{"data":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}]}`)
	}
	for levels, words := range map[int]string{
		maxNesting: "datatype \"\" is none of", maxNesting + 1: "nested deeper than 256 levels", 1 << 20: "exceeded max depth",
	} {
		_, err := newDecoder().decode(deep(levels), nil)
		require.ErrorContains(t, err, words, levels)
	}
}

func TestRequestOfWrongForm(t *testing.T) {
	t.Parallel()
	for body, words := range map[string]string{
		``: "unexpected end", `{"inputs":[}`: "invalid character", `"x"`: "want an object", `{"inputs":{}}`: "inputs is {}: want a list", `{"inputs":[1]}`: "inputs holds 1: want objects",
		`{"id":1}`: "id is 1: want a string", `{"inputs":[{"name":[]}]}`: "name is []: want a string", `{"inputs":[{"shape":3}]}`: "shape is 3: want a list of integers",
		`{"inputs":[{"shape":[1.5]}]}`: "shape holds 1.5", `{"inputs":[{"shape":[null]}]}`: "shape holds null", `{"parameters":[]}`: "cannot unmarshal", `{"outputs":[1]}`: "cannot unmarshal",
		`{"inputs":null}`: `"inputs" is missing`,
	} {
		_, err := newDecoder().decode([]byte(body), nil)
		require.ErrorContains(t, err, words, body)
		require.Equal(t, Invalid, codeOf(err), body)
	}
}
