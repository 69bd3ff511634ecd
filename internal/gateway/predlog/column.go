package predlog

import (
	"strconv"

	"github.com/slipway-ml/slipway/internal/gateway/predlog/columnar"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// column is one of a segment's, as far as its rows have come. It holds numbers until a text comes.
type column struct {
	name    string
	numbers []float64
	truths  []bool // which of the numbers are truth values; those beyond it are not
	texts   *texts // in place of the numbers
	spare   *texts // memory for texts
	present columnar.Mask
}

// has tells whether a row has a value.
func (c *column) has(row int) bool { return c.present == nil || c.present[row] != 0 }

// reset forgets all rows; the memory stays.
func (c *column) reset() {
	c.numbers, c.truths, c.present = c.numbers[:0], c.truths[:0], nil
	if c.texts != nil {
		c.texts.reset()
		c.texts, c.spare = nil, c.texts
	}
}

func (c *column) rows() int {
	if c.texts != nil {
		return len(c.texts.of)
	}
	return len(c.numbers)
}

// reach makes rows without a value up to row. It tells whether that is the next: it is not
// where a request names a column twice.
func (c *column) reach(row int) bool {
	for c.rows() < row {
		c.none()
	}
	return c.rows() == row
}

func (c *column) none() {
	if c.present == nil {
		c.present = make(columnar.Mask, c.rows(), 2*c.rows()+1)
		for i := range c.present {
			c.present[i] = 1
		}
	}
	c.present = append(c.present, 0)
	if c.texts != nil {
		c.texts.none()
		return
	}
	c.numbers = append(c.numbers, 0)
}

func (c *column) is() {
	if c.present != nil {
		c.present = append(c.present, 1)
	}
}

func (c *column) number(v float64) {
	c.is()
	if c.texts != nil {
		c.texts.add(strconv.FormatFloat(v, 'g', -1, 64))
		return
	}
	c.numbers = append(c.numbers, v)
}

func (c *column) truth(v bool) {
	c.is()
	if c.texts != nil {
		c.texts.add(strconv.FormatBool(v))
		return
	}
	for len(c.truths) < len(c.numbers) {
		c.truths = append(c.truths, false)
	}
	c.truths = append(c.truths, true)
	n := 0.0
	if v {
		n = 1
	}
	c.numbers = append(c.numbers, n)
}

func (c *column) text(s string) {
	if c.texts == nil {
		c.spell()
	}
	c.is()
	c.texts.add(s)
}

// spell turns numbers and truth values into texts.
func (c *column) spell() {
	if c.texts, c.spare = c.spare, nil; c.texts == nil {
		c.texts = newTexts()
	}
	for i, v := range c.numbers {
		switch {
		case !c.has(i):
			c.texts.none()
		case i < len(c.truths) && c.truths[i]:
			c.texts.add(strconv.FormatBool(v != 0))
		default:
			c.texts.add(strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	c.numbers, c.truths = c.numbers[:0], c.truths[:0]
}

// optional appends a text, of which the empty one is none.
func (c *column) optional(s string) {
	if s == "" {
		c.none()
		return
	}
	c.text(s)
}

// value appends a value as JSON has it.
func (c *column) value(v any) {
	switch v := v.(type) {
	case float64:
		c.number(v)
	case bool:
		c.truth(v)
	case string:
		c.text(v)
	default:
		c.none()
	}
}

// tensor appends the tensor's values from one up to another.
func (c *column) tensor(t *onnx.Tensor, from, to int) {
	switch {
	case t.Type == onnx.Float32:
		for _, v := range t.Floats[from:to] {
			c.number(float64(v))
		}
	case t.Type == onnx.Float64:
		for _, v := range t.Doubles[from:to] {
			c.number(v)
		}
	case t.Type.Half():
		for _, v := range t.Halves[from:to] {
			c.number(float64(onnx.FromHalf(t.Type, v)))
		}
	case t.Type == onnx.Bool:
		for _, v := range t.Bools[from:to] {
			c.truth(v)
		}
	case t.Type == onnx.String:
		for _, v := range t.Strings[from:to] {
			c.text(v)
		}
	default:
		for _, v := range t.Ints[from:to] {
			c.number(float64(v))
		}
	}
}

// held is about how many bytes the column takes.
func (c *column) held() int {
	n := 8*len(c.numbers) + len(c.present)
	if c.texts != nil {
		n += c.texts.held()
	}
	return n
}

// exact tells that float32 has every value of the type.
func exact(t onnx.Type) bool {
	switch t {
	case onnx.Float32, onnx.Float16, onnx.BFloat16, onnx.Int16, onnx.Int8, onnx.Uint16, onnx.Uint8:
		return true
	}
	return false
}
