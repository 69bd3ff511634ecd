package gateway

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/serving"
)

func TestDecodePredict(t *testing.T) {
	t.Parallel()
	row := map[string]any{"a": 1.0, "b": "x", "c": nil, "d": true}
	good := map[string]predictRequest{
		`{"input": {"a":1,"b":"x","c":null,"d":true}}`:            {Input: serving.Input{Rows: []map[string]any{row}}},
		`{"input": [{"a":1,"b":"x","c":null,"d":true}]}`:          {Input: serving.Input{Rows: []map[string]any{row}}, Many: true},
		` { "model":"m" , "subject":"s", "input" : [1, 2.5e1] } `: {Model: "m", Subject: "s", Input: serving.Input{Matrix: [][]float64{{1, 25}}}},
		`{"input": [[1],[2]]}`:                                    {Input: serving.Input{Matrix: [][]float64{{1}, {2}}}, Many: true},
		`{"input": {"pixels":[1,2]}}`:                             {Input: serving.Input{Rows: []map[string]any{{"pixels": []any{1.0, 2.0}}}}},
	}
	for body, want := range good {
		got, err := decodePredict([]byte(body), 10)
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
	}
	bad := map[string]string{
		``:                                    "ends too early",
		`null`:                                "want a JSON object",
		`[1]`:                                 "want a JSON object",
		`{}`:                                  `"input" is missing`,
		`{"input": 1}`:                        "want an object of columns",
		`{"input": null}`:                     "want an object of columns",
		`{"input": []}`:                       "the list is empty",
		`{"input": ["a"]}`:                    "value 0 is not a number",
		`{"input": [1, null]}`:                "value 1 is not a number",
		`{"input": [1e999]}`:                  "out of range",
		`{"input": {"a": 1e999}}`:             "out of range",
		`{"input": [[1],{"a":1}]}`:            "row 1 has another form",
		`{"input": [[1],[[2]]]}`:              "row 1: value 0 is not a number",
		`{"input": {"a":1,"a":2}}`:            `column "a" occurs twice`,
		`{"input": {}, "input": {}}`:          `field "input" occurs twice`,
		`{"input": {}, "Input": {}}`:          `unknown field "Input"`,
		`{"input": {}} x`:                     "something follows",
		`{"input": {}} {}`:                    "something follows",
		`{"input": {}, "model": 1}`:           "model: want a string",
		`{"input": {}, "subject": null}`:      "subject: want a string",
		`{"input": {`:                         "ends too early",
		`{"input": {"a":}}`:                   "not JSON",
		strings.Repeat(`[`, 100000):           "nested deeper than 16",
		`{"input":` + strings.Repeat("[", 16): "nested deeper than 16",
		`{"subject":"` + strings.Repeat("s", 300) + `","input":{}}`: "longer than 256",
		`{"input": [[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1]]}`:  "11 rows, at most 10",
	}
	for body, text := range bad {
		_, err := decodePredict([]byte(body), 10)
		require.ErrorContains(t, err, text, body)
	}
}

func FuzzDecodePredict(f *testing.F) {
	for _, s := range []string{`{"input":{"a":1}}`, `{"input":[[1,2],[3,4]],"subject":"x"}`, `{"input":[{"a":"\u0000"}]}`, `{"input":"`, `{"input":[1,{}]}`, `{"a":{"b":[[[[]]]]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodePredict(body, 100)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		n := got.Input.Len()
		require.Positive(t, n)
		require.LessOrEqual(t, n, 100)
		require.True(t, got.Many || n == 1)
		require.True(t, (got.Input.Rows == nil) != (got.Input.Matrix == nil))
	})
}
