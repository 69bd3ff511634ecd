package predlog

import (
	"slices"

	"github.com/slipway-ml/slipway/internal/gateway/predlog/columnar"
)

// Columns of a segment. Features follow under featurePrefix + their name.
const (
	columnTime        = "time"
	columnRequestID   = "request_id"
	columnSubject     = "subject"
	columnPrediction  = "prediction"
	columnProbability = "probability"
	columnLatency     = "latency_ms"
	columnError       = "error"
	featurePrefix     = "feature."
)

// MediaType is that of a segment.
const MediaType = "application/vnd.apache.parquet"

// encoder writes segments, one after the other.
type encoder struct {
	file   columnar.Writer
	floats []float32
	wide   []float64
}

// encode writes a segment as a Parquet file, into the memory given. A feature is a column of doubles, or of strings if any of its values is one.
func (e *encoder) encode(s *segment, into []byte) []byte {
	features := s.features()
	e.file.Begin(slices.Grow(into[:0], s.size(features)), s.rows)
	e.file.Times(columnTime, s.times)
	ids := s.ids.column(nil)
	ids.Required = true
	e.file.Texts(columnRequestID, &ids)
	e.column(columnSubject, &s.subject)
	e.column(columnPrediction, &s.prediction)
	e.column(columnProbability, &s.probability)
	e.file.Required(columnLatency, s.latency)
	e.column(columnError, &s.failure)
	if s.block != nil {
		e.block(s.block)
	}
	for _, c := range features {
		e.column(featurePrefix+c.name, c)
	}
	return e.file.Close()
}

// size is about how many bytes a segment takes at most. To copy it as it grows would take too long at once.
func (s *segment) size(features []*column) int {
	const row, column = 128, 256 // the columns that every segment has; what a column takes whatever it holds
	n := row*s.rows + column*(8+len(features))
	if b := s.block; b != nil {
		n += column*len(b.names) + b.held()
		if !b.wide {
			n += b.rows * len(b.names) // a float takes five bytes
		}
	}
	for _, c := range features {
		n += c.held()
	}
	return n
}

// column writes values that may be missing.
func (e *encoder) column(name string, c *column) {
	if c.texts == nil {
		e.file.Doubles(name, c.numbers, c.present)
		return
	}
	t := c.texts.column(c.present)
	e.file.Texts(name, &t)
}

// column is the texts as they are written.
func (t *texts) column(present columnar.Mask) columnar.Texts {
	return columnar.Texts{Data: t.data, Ends: t.ends, Of: t.of, Apart: t.apart, Present: present}
}

// block writes the columns of a block by name.
func (e *encoder) block(b *block) {
	b.finish()
	for _, i := range b.order {
		if b.wide {
			e.wide = b.doubles.column(i, slices.Grow(e.wide[:0], b.rows))
			e.file.Doubles(b.titles[i], e.wide, nil)
			continue
		}
		e.floats = b.floats.column(i, slices.Grow(e.floats[:0], b.rows))
		e.file.Floats(b.titles[i], e.floats)
	}
}
