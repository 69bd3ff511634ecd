package predlog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// segment is the rows of one version that are not written yet, by column.
type segment struct {
	began    time.Time
	from, to time.Time // of the requests
	rows     int

	times       []int64 // microseconds since 1970
	latency     []float64
	ids         *texts
	subject     column
	prediction  column
	probability column
	failure     column

	// The features are the block while every row is a list of the same columns, then the columns.
	block   *block
	columns map[string]*column

	layout *Layout
	slots  []slot    // of objects
	listed []*column // of lists of so many numbers; nil: it is not logged
}

// slot remembers the column that a request's value at a place goes to, since most requests are alike.
type slot struct {
	name   string
	column *column // nil: it is not logged
}

func newSegment() *segment {
	return &segment{
		began: time.Now(), ids: newApart(), columns: map[string]*column{},
		subject: column{texts: newTexts()}, prediction: column{texts: newTexts()}, failure: column{texts: newTexts()},
	}
}

// add appends the rows of a request from one up to another.
func (s *segment) add(r *Request, from, to int) {
	if s.layout != r.Layout {
		s.layout, s.slots, s.listed = r.Layout, nil, nil
	}
	s.answers(r, from, to)
	switch {
	case r.Rows != nil:
		for i := from; i < to; i++ {
			s.object(r.Rows[i], s.rows+i-from)
		}
	case r.Matrix != nil:
		for i := from; i < to; i++ {
			s.list(r.Matrix[i], s.rows+i-from)
		}
	case r.matrix():
		s.matrix(&r.Tensors[0], from, to)
	default:
		for i := range r.Tensors {
			t := &r.Tensors[i]
			if c := s.at(i, t.Name); c != nil && c.reach(s.rows) {
				c.tensor(t, from, to)
			}
		}
	}
	s.rows += to - from
}

// answers appends to the columns that every segment has.
func (s *segment) answers(r *Request, from, to int) {
	if s.rows == 0 || r.Time.Before(s.from) {
		s.from = r.Time
	}
	if s.rows == 0 || r.Time.After(s.to) {
		s.to = r.Time
	}
	subject := ""
	if r.Subject != "" {
		sum := sha256.Sum256([]byte(r.Subject))
		subject = hex.EncodeToString(sum[:])
	}
	for i := from; i < to; i++ {
		s.times = append(s.times, r.Time.UnixMicro())
		s.latency = append(s.latency, r.LatencyMS)
		s.ids.add(r.ID)
		s.subject.optional(subject)
		s.failure.optional(r.Error)
		if i < len(r.Predictions) {
			s.predicted(&r.Predictions[i])
			continue
		}
		s.prediction.none()
		s.probability.none()
	}
}

// predicted appends a prediction as text, and the probability of its label.
func (s *segment) predicted(p *feature.Prediction) {
	switch {
	case p.Label != nil:
		s.prediction.text(strconv.FormatInt(*p.Label, 10))
	case p.Value != nil:
		s.prediction.text(strconv.FormatFloat(*p.Value, 'g', -1, 64))
	default:
		s.prediction.optional(p.LabelText)
	}
	if p.Value != nil && p.Label == nil || len(p.Probabilities) == 0 {
		s.probability.none()
		return
	}
	s.probability.number(slices.Max(p.Probabilities))
}

// at is the column of a request's value at a place; nil if it is not logged.
func (s *segment) at(place int, name string) *column {
	if place < len(s.slots) && s.slots[place].name == name {
		return s.slots[place].column
	}
	found := slot{name: strings.Clone(name)} // it may hold on to a whole request
	if s.layout.logs(name) {
		s.spill()
		found.column = s.named(found.name)
	}
	for len(s.slots) <= place {
		s.slots = append(s.slots, slot{})
	}
	s.slots[place] = found
	return found.column
}

// named is the column of a name.
func (s *segment) named(name string) *column {
	c, ok := s.columns[name]
	if !ok {
		c = &column{name: name}
		s.columns[name] = c
	}
	return c
}

// object appends a row of named values. A list among them, of a model without columns, is logged as its numbers.
func (s *segment) object(values map[string]any, row int) {
	for i, name := range s.layout.Columns {
		v, ok := values[name]
		if !ok {
			continue
		}
		if c := s.at(i, name); c != nil && c.reach(row) {
			c.value(v)
		}
	}
	if s.layout.Columns != nil {
		return
	}
	for _, v := range values {
		if list, ok := v.([]any); ok {
			s.values(list, row)
		}
	}
}

// values appends a row that came as a list of anything.
func (s *segment) values(list []any, row int) {
	numbers := make([]float64, len(list))
	for i, v := range list {
		n, ok := v.(float64)
		if !ok {
			for i, c := range s.numbered(len(list)) {
				if c != nil && c.reach(row) {
					c.value(list[i])
				}
			}
			return
		}
		numbers[i] = n
	}
	s.list(numbers, row)
}

// numbered are the columns of a list of so many numbers; nil for those that are not logged.
func (s *segment) numbered(width int) []*column {
	s.spill()
	if len(s.listed) != width {
		s.listed = make([]*column, width)
		for i := range s.listed {
			if name, ok := s.layout.name(width, i); ok {
				s.listed[i] = s.named(name)
			}
		}
	}
	return s.listed
}

// lists readies the block for lists of so many numbers from the row on. It tells whether the block can take them.
func (s *segment) lists(width, row int) bool {
	if row == 0 {
		s.block = newBlock(s.layout, width)
	}
	if s.block == nil || s.block.rows != row || !s.block.takes(s.layout, width) {
		s.spill()
		return false
	}
	return true
}

// list appends a row of numbers.
func (s *segment) list(numbers []float64, row int) {
	if s.lists(len(numbers), row) {
		s.block.list(numbers)
		return
	}
	for i, c := range s.numbered(len(numbers)) {
		if c != nil && c.reach(row) {
			c.number(numbers[i])
		}
	}
}

// matrix appends rows of a matrix.
func (s *segment) matrix(t *onnx.Tensor, from, to int) {
	width := int(t.Shape[1])
	if s.lists(width, s.rows) {
		s.block.tensor(t, from, to)
		return
	}
	columns := s.numbered(width)
	for row := from; row < to; row++ {
		for i, c := range columns {
			if c != nil && c.reach(s.rows+row-from) {
				c.tensor(t, row*width+i, row*width+i+1)
			}
		}
	}
}

// spill turns the block into columns.
func (s *segment) spill() {
	b := s.block
	if b == nil {
		return
	}
	s.block, s.listed = nil, nil
	for i, name := range b.names {
		c := s.named(name)
		if c.rows() == 0 {
			c.numbers = make([]float64, b.rows)
			b.columns([]int{i}, [][]float64{c.numbers})
		}
	}
}

// features are the columns by name, each with all rows; none if they are in the block.
func (s *segment) features() []*column {
	if s.block != nil && s.block.rows != s.rows {
		s.spill()
	}
	out := make([]*column, 0, len(s.columns))
	for _, c := range s.columns {
		c.reach(s.rows)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *column) int { return cmp.Compare(a.name, b.name) })
	return out
}

// maxHeld ends a segment that takes more bytes, so that it can be read into memory again, see maxSegment.
const maxHeld = 64 << 20

// full tells whether the segment is to end, given the rows that end it.
func (s *segment) full(rows int) bool {
	if s.rows >= rows {
		return true
	}
	if s.block != nil {
		return s.block.held() >= maxHeld
	}
	if s.rows%64 != 0 {
		return false
	}
	held := 0
	for _, c := range s.columns {
		held += c.held()
	}
	return held >= maxHeld
}
