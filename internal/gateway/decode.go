package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// maxDepth bounds the nesting of a request: the object, the rows, a row, a
// list in a row, and room to spare.
const maxDepth = 16

// predictCosts are of the body of POST /predict: its rows are maps from names to values until they have been answered.
var predictCosts = oip.Costs{Open: 96, Pair: 120, Value: 40}

// maxSubject bounds a subject in bytes.
const maxSubject = 256

// predictRequest is the body of POST /predict.
type predictRequest struct {
	Model   string // empty: the only model
	Subject string
	Input   serving.Input
	// Many tells that the input was a list of rows, so the answer is one too.
	Many bool
}

// decodePredict reads {"input": …, "model"?, "subject"?} strictly: nothing
// unknown, nothing twice, nothing after it. The input is a row as an object or
// a list of numbers, or a list of such rows.
func decodePredict(body []byte, maxRows int) (predictRequest, error) {
	var out predictRequest
	if err := checkDepth(body); err != nil {
		return out, err
	}
	fields, err := decodeObject(body)
	if err != nil {
		return out, err
	}
	if _, err := fields.text("model", &out.Model); err != nil {
		return out, err
	}
	if _, err := fields.text("subject", &out.Subject); err != nil {
		return out, err
	}
	if len(out.Subject) > maxSubject {
		return out, fmt.Errorf("subject: longer than %d bytes", maxSubject)
	}
	raw, ok := fields["input"]
	if !ok {
		return out, errors.New(`"input" is missing: send {"input": {"column": value, …}}`)
	}
	out.Input, out.Many, err = decodeInput(raw, maxRows)
	return out, err
}

type object map[string]json.RawMessage

// decodeObject reads the top level of a request.
func decodeObject(body []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	t, err := d.Token()
	if err != nil {
		return nil, jsonError(err)
	}
	if t != json.Delim('{') {
		return nil, errors.New(`want a JSON object like {"input": {"column": value, …}}`)
	}
	out := object{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, jsonError(err)
		}
		name, _ := t.(string) // within an object the decoder accepts no other key
		if name != "input" && name != "model" && name != "subject" {
			return nil, fmt.Errorf("unknown field %q: allowed are input, model and subject", clip(name))
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("field %q occurs twice", name)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, jsonError(err)
		}
		out[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, jsonError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return out, nil
}

// text reads a string field that may be absent.
func (o object) text(name string, into *string) (bool, error) {
	raw, ok := o[name]
	if !ok {
		return false, nil
	}
	if len(raw) == 0 || raw[0] != '"' {
		return false, fmt.Errorf("%s: want a string", name)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, fmt.Errorf("%s: want a string", name)
	}
	return true, nil
}

// decodeInput reads one row or a list of rows, all of the same form.
func decodeInput(raw json.RawMessage, maxRows int) (in serving.Input, many bool, err error) {
	switch first(raw) {
	case '{':
		row, err := decodeRow(raw)
		return serving.Input{Rows: []map[string]any{row}}, false, err
	case '[':
	default:
		return in, false, errors.New("input: want an object of columns, a list of numbers, or a list of such rows")
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return in, false, fmt.Errorf("input: %w", jsonError(err))
	}
	if len(items) == 0 {
		return in, false, errors.New("input: the list is empty")
	}
	form := first(items[0])
	if form != '{' && form != '[' {
		numbers, err := decodeNumbers(raw)
		if err != nil {
			return in, false, fmt.Errorf("input: %w", err)
		}
		return serving.Input{Matrix: [][]float64{numbers}}, false, nil
	}
	if len(items) > maxRows {
		return in, false, fmt.Errorf("input: %d rows, at most %d are taken at once", len(items), maxRows)
	}
	for i, item := range items {
		if first(item) != form {
			return in, false, fmt.Errorf("input: row %d has another form than the first: want objects only or lists of numbers only", i)
		}
		if form == '{' {
			row, err := decodeRow(item)
			if err != nil {
				return in, false, fmt.Errorf("row %d: %w", i, err)
			}
			in.Rows = append(in.Rows, row)
			continue
		}
		numbers, err := decodeNumbers(item)
		if err != nil {
			return in, false, fmt.Errorf("input: row %d: %w", i, err)
		}
		in.Matrix = append(in.Matrix, numbers)
	}
	return in, true, nil
}

// decodeRow reads an object of columns. A column that occurs twice is an
// error: which of the two was meant is not for us to guess.
func decodeRow(raw json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, jsonError(err)
	}
	row := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, jsonError(err)
		}
		name, _ := t.(string) // within an object the decoder accepts no other key
		if _, twice := row[name]; twice {
			return nil, fmt.Errorf("input: column %q occurs twice", clip(name))
		}
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("input: column %q: %w", clip(name), jsonError(err))
		}
		row[name] = v
	}
	return row, nil
}

func decodeNumbers(raw json.RawMessage) ([]float64, error) {
	var items []any
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, jsonError(err)
	}
	out := make([]float64, len(items))
	for i, item := range items {
		v, ok := item.(float64)
		if !ok {
			return nil, fmt.Errorf("value %d is not a number", i)
		}
		out[i] = v
	}
	return out, nil
}

// first is the first byte that is no space.
func first(raw json.RawMessage) byte {
	if t := bytes.TrimLeft(raw, " \t\r\n"); len(t) > 0 {
		return t[0]
	}
	return 0
}

// checkDepth refuses nesting that no request needs, before anything recurses into it.
func checkDepth(body []byte) error {
	depth, text := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("nested deeper than %d levels", maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// jsonError is what a client needs to know of a decoder's error.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON: %s at byte %d", strings.TrimPrefix(syntax.Error(), "json: "), syntax.Offset)
	case errors.As(err, &mismatch):
		return fmt.Errorf("a value of kind %s is out of range or not expected here", mismatch.Value)
	}
	return err
}

// clip is a name that came from outside, cut to what fits an error.
func clip(s string) string { return clipTo(s, 64) }

func clipTo(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
