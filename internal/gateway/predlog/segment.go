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
	slots  []slot    // of objects and tensors
	listed []*column // of lists of so many numbers; nil: it is not logged

	pause   func() // is called in the course of what takes a while
	weighed int    // rows when the columns' memory was last looked at
	// What the segment held before it was written is used again.
	oldBlock   *block
	oldColumns map[string]*column
}

// slot remembers the columns that a request's values at a place go to, since most requests are alike.
type slot struct {
	name    string
	columns []*column // nil for those that are not logged
}

func newSegment(pause func()) *segment {
	return &segment{
		began: time.Now(), ids: newApart(), columns: map[string]*column{}, pause: pause,
		subject: column{texts: newTexts()}, prediction: column{texts: newTexts()}, failure: column{texts: newTexts()},
	}
}

// reset makes the segment an empty one, with the memory that it has.
func (s *segment) reset() {
	*s = segment{
		began: time.Now(), pause: s.pause, oldBlock: s.block, oldColumns: s.columns, columns: map[string]*column{},
		times: s.times[:0], latency: s.latency[:0], ids: s.ids,
		subject: s.subject, prediction: s.prediction, probability: s.probability, failure: s.failure,
	}
	s.ids.reset()
	for _, c := range []*column{&s.subject, &s.prediction, &s.failure} {
		c.reset()
		c.spell()
	}
	s.probability.reset()
	for _, c := range s.oldColumns {
		c.reset()
	}
	if s.oldBlock != nil {
		s.oldBlock.reset()
	}
}

// add appends the rows of a request from one up to another.
func (s *segment) add(r *Request, from, to int) {
	if s.layout != r.Layout {
		s.layout, s.slots, s.listed = r.Layout, nil, nil
	}
	if s.rows == 0 {
		s.began = time.Now()
	}
	s.answers(r, from, to)
	switch r.form {
	case objects:
		for i := from; i < to; i++ {
			s.object(r.Rows[i], s.rows+i-from)
		}
	case lists:
		for i := from; i < to; i++ {
			s.list(r.Matrix[i], s.rows+i-from)
		}
	case matrix:
		s.matrix(&r.Tensors[0], from, to)
	case tensors:
		for i := range r.Tensors {
			s.tensor(i, &r.Tensors[i], r.count, from, to)
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

// at are the columns of a request's values at a place, size a row; nil for those that are not logged.
func (s *segment) at(place int, name string, size int) []*column {
	if place < len(s.slots) && s.slots[place].name == name && len(s.slots[place].columns) == size {
		return s.slots[place].columns
	}
	found := slot{name: strings.Clone(name), columns: make([]*column, size)} // the name may hold on to a whole request
	for i := range found.columns {
		if name, ok := s.layout.value(found.name, size, i); ok {
			s.spill()
			found.columns[i] = s.named(name)
		}
	}
	for len(s.slots) <= place {
		s.slots = append(s.slots, slot{})
	}
	s.slots[place] = found
	return found.columns
}

// tensor appends rows of a tensor that has so many.
func (s *segment) tensor(place int, t *onnx.Tensor, rows, from, to int) {
	size := t.Len() / rows
	columns := s.at(place, t.Name, size)
	for i, c := range columns {
		switch {
		case c == nil || !c.reach(s.rows):
		case size == 1:
			c.tensor(t, from, to)
		default:
			for row := from; row < to; row++ {
				c.tensor(t, row*size+i, row*size+i+1)
			}
		}
	}
}

// named is the column of a name.
func (s *segment) named(name string) *column {
	c, ok := s.columns[name]
	if !ok {
		if c = s.oldColumns[name]; c == nil {
			c = &column{name: name}
		}
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
		if c := s.at(i, name, 1)[0]; c != nil && c.reach(row) {
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
		s.block, s.oldBlock = s.oldBlock, nil
		if s.block == nil || !s.block.takes(s.layout, width) {
			s.block = newBlock(s.layout, width, s.pause)
		}
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
	width := t.Len() / int(t.Rows())
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
	b.finish()
	for i, name := range b.names {
		if c := s.named(name); c.rows() == 0 {
			c.numbers = b.column(i)
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
	if len(s.columns) > MaxColumns { // of requests that are not alike
		return true
	}
	if s.rows-s.weighed < 64 {
		return false
	}
	s.weighed = s.rows
	held := 0
	for _, c := range s.columns {
		held += c.held()
	}
	return held >= maxHeld
}

// perStep is about how many numbers are taken from a request at once.
const perStep = 1 << 14

// step is how many rows of a request are taken at once.
func (r *Request) step() int {
	width := len(r.Layout.Columns)
	switch r.form {
	case lists:
		width = len(r.Matrix[0])
	case matrix, tensors:
		for i := range r.Tensors {
			width += r.Tensors[i].Len() / r.count
		}
	}
	return max(1, perStep/(width+8))
}
