package oip

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// answer is an output as it was asked for.
type answer struct {
	*onnx.Tensor
	binary bool
}

// choose picks the outputs that were asked for, all if none was named.
func choose(r Request, all []onnx.Tensor, binary bool) ([]answer, error) {
	if len(r.Outputs) == 0 {
		out := make([]answer, len(all))
		for i := range all {
			out[i] = answer{&all[i], binary}
		}
		return out, nil
	}
	out := make([]answer, 0, len(r.Outputs))
	for _, wanted := range r.Outputs {
		i := slices.IndexFunc(all, func(t onnx.Tensor) bool { return t.Name == wanted.Name })
		if i < 0 {
			return nil, Errorf(Invalid, "the model has no output %q", clip(wanted.Name))
		}
		a := answer{&all[i], binary}
		if wanted.Binary != nil {
			a.binary = *wanted.Binary
		}
		if wanted.Classes > 0 {
			t, err := classes(all[i], wanted.Classes)
			if err != nil {
				return nil, err
			}
			a.Tensor = &t
		}
		out = append(out, a)
	}
	return out, nil
}

// classes turns scores into the k largest of each row as strings "score:index".
func classes(t onnx.Tensor, k int) (onnx.Tensor, error) {
	scores := t.Numbers()
	if scores == nil || len(t.Shape) == 0 {
		return t, Errorf(Invalid, "output %q has no scores to classify by", t.Name)
	}
	rows, columns := 1, len(scores)
	if len(t.Shape) > 1 {
		rows = int(t.Shape[0])
		columns = len(scores) / max(rows, 1)
	}
	k = min(k, columns)
	out := onnx.Tensor{Name: t.Name, Type: onnx.String, Shape: []int64{int64(rows), int64(k)}}
	if len(t.Shape) == 1 {
		out.Shape = []int64{int64(k)}
	}
	for r := range rows {
		row := scores[r*columns : (r+1)*columns]
		order := make([]int, columns)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
		for _, i := range order[:k] {
			out.Strings = append(out.Strings, fmt.Sprintf("%f:%d", row[i], i))
		}
	}
	return out, nil
}

// appendText writes a string as JSON.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	text, err := json.Marshal(s)
	if err != nil { // a string always has a form in JSON
		return append(b, `""`...)
	}
	return append(b, text...)
}

// plain tells whether a string stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// appendResponse writes a response's JSON and, behind it, its binary tensors.
// header is the length of the JSON if there are any, else -1.
func appendResponse(b []byte, r Request, resp Response, outs []answer) (_ []byte, header int, err error) {
	start := len(b)
	b = append(b, `{"model_name":`...)
	b = appendText(b, resp.Model)
	b = append(b, `,"model_version":`...)
	b = appendText(b, resp.Version)
	if r.ID != "" {
		b = append(b, `,"id":`...)
		b = appendText(b, r.ID)
	}
	b = append(b, `,"outputs":[`...)
	binary := false
	for i, o := range outs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = appendText(b, o.Name)
		b = append(b, `,"datatype":"`...)
		b = append(b, datatype(o.Type)...)
		b = append(b, `","shape":[`...)
		for j, d := range o.Shape {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, d, 10)
		}
		b = append(b, ']')
		if o.binary {
			binary = true
			b = append(b, `,"parameters":{"binary_data_size":`...)
			b = strconv.AppendInt(b, int64(rawSize(*o.Tensor)), 10)
			b = append(b, '}')
		} else {
			b = append(b, `,"data":`...)
			if b, err = appendData(b, o.Tensor); err != nil {
				return nil, 0, err
			}
		}
		b = append(b, '}')
	}
	b = append(b, `]}`...)
	if !binary {
		return b, -1, nil
	}
	header = len(b) - start
	for _, o := range outs {
		if o.binary {
			b = appendRaw(b, *o.Tensor)
		}
	}
	return b, header, nil
}
