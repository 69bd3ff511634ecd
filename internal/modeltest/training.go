package modeltest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// trainingRows and trainingCells bound what is kept of the training rows.
const (
	trainingRows  = 20_000
	trainingCells = 1_000_000
)

// training is what one pass over the training rows leaves: memory does not grow with them.
type training struct {
	columns []dataset.Column // of the test table that the model sees, then the label
	rows    int64
	sample  [][]value      // drawn rows, by column
	seen    map[uint64]int // features of test rows to how many training rows have them
	order   []rising
	hash    maphash.Hash
}

// value is a cell, the same for 1 and 1.0; the zero value is null.
type value struct {
	kind   valueKind
	number float64 // 0 and 1 of a boolean
	word   string
}

type valueKind byte

const (
	isNumber valueKind = iota + 1
	isBoolean
	isWord
)

// rising tells whether whole numbers strictly rise from row to row.
type rising struct {
	last            float64
	started, broken bool
}

// readTraining reads the training rows once, and keeps the outcome for all tests that want it.
func (s *suite) readTraining() (*training, error) {
	if s.training != nil || s.trainingErr != nil {
		return s.training, s.trainingErr
	}
	if s.in.Train == nil {
		return nil, errors.New("no training rows are at hand: none were given, or their file is larger than the tests may hold (--max-test-mb of the compute workers)")
	}
	t := &training{columns: append(s.features(), s.labelColumn()), seen: map[uint64]int{}}
	t.hash.SetSeed(maphash.MakeSeed())
	t.order = make([]rising, len(t.columns))
	row := make([]value, len(t.columns))
	for i := range s.in.Test.Rows() {
		t.seen[t.features(s.testRow(t.columns, i, row))] = 0
	}
	if err := t.read(s.ctx, s.in.Train); err != nil {
		s.trainingErr = err
		return nil, err
	}
	s.training = t
	return t, nil
}

// features are the columns that the model sees.
func (s *suite) features() []dataset.Column {
	var out []dataset.Column
	for _, c := range s.in.Test.Columns() {
		if s.isFeature(c.Name) {
			out = append(out, c)
		}
	}
	return out
}

func (s *suite) labelColumn() dataset.Column {
	for _, c := range s.in.Test.Columns() {
		if c.Name == s.in.Data.Label {
			return c
		}
	}
	return dataset.Column{Name: s.in.Data.Label, Kind: dataset.String}
}

// testRow writes row i of the test table as training keeps rows.
func (s *suite) testRow(columns []dataset.Column, i int, row []value) []value {
	for c, column := range columns {
		row[c] = s.testCell(column, i)
	}
	return row
}

func (s *suite) testCell(column dataset.Column, i int) value {
	switch v := s.in.Test.Value(column.Name, i).(type) {
	case int64:
		return numberValue(float64(v))
	case float64:
		return numberValue(v)
	case bool:
		return booleanValue(v)
	case string:
		return value{kind: isWord, word: v}
	}
	return value{}
}

func numberValue(v float64) value {
	if math.IsNaN(v) {
		return value{}
	}
	return value{kind: isNumber, number: v + 0} // one zero
}

func booleanValue(v bool) value {
	if v {
		return value{kind: isBoolean, number: 1}
	}
	return value{kind: isBoolean}
}

func (t *training) read(ctx context.Context, src dataset.Source) error {
	places := make([]int, len(t.columns))
	for c, column := range t.columns {
		at := src.Schema().FieldIndices(column.Name)
		if len(at) != 1 {
			return fmt.Errorf("%s: the training rows have no column %q, the test rows have", src.Name(), column.Name)
		}
		places[c] = at[0]
	}
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // statistics, not secrets
	for {
		batch, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read training rows: %w", err)
		}
		t.batch(batch, places, random)
		batch.Release()
	}
}

func (t *training) batch(batch arrow.RecordBatch, places []int, random *rand.Rand) {
	most := max(100, min(trainingRows, trainingCells/len(places)))
	row := make([]value, len(places))
	for i := range int(batch.NumRows()) {
		for c, at := range places {
			row[c] = cell(batch.Column(at), i, t.columns[c].Kind)
			t.order[c].see(row[c])
		}
		h := t.features(row)
		if n, ok := t.seen[h]; ok {
			t.seen[h] = n + 1
		}
		t.rows++
		// Algorithm R: each row is kept with the same probability (J. S. Vitter, ACM TOMS 11, 1985).
		if len(t.sample) < most {
			t.sample = append(t.sample, kept(row))
		} else if at := random.Int64N(t.rows); at < int64(most) {
			t.sample[at] = kept(row)
		}
	}
}

// kept copies a row out of the batch's memory.
func kept(row []value) []value {
	row = slices.Clone(row)
	for c := range row {
		row[c].word = strings.Clone(row[c].word)
	}
	return row
}

func (r *rising) see(v value) {
	if v.kind != isNumber || v.number != math.Trunc(v.number) || r.started && v.number <= r.last {
		r.broken = true
	}
	r.last, r.started = v.number, true
}

// features hashes all but the label, the last cell.
func (t *training) features(row []value) uint64 {
	t.hash.Reset()
	var head [9]byte
	for _, v := range row[:len(row)-1] {
		bits := math.Float64bits(v.number)
		if v.kind == isWord {
			bits = uint64(len(v.word))
		}
		head[0] = byte(v.kind)
		binary.LittleEndian.PutUint64(head[1:], bits)
		_, _ = t.hash.Write(head[:]) // a hash takes everything
		_, _ = t.hash.WriteString(v.word)
	}
	return t.hash.Sum64()
}

// cell reads a value as the kind that the test table has; text that does not
// read as that kind is no value.
func cell(a arrow.Array, i int, kind dataset.Kind) value {
	if a.IsNull(i) {
		return value{}
	}
	word := ""
	switch a := a.(type) {
	case *array.Int64:
		return numberValue(float64(a.Value(i)))
	case *array.Float64:
		return numberValue(a.Value(i))
	case *array.Boolean:
		return booleanValue(a.Value(i))
	case *array.String:
		word = a.Value(i)
	default:
		word = a.ValueStr(i)
	}
	switch {
	case kind.Numeric():
		if v, err := strconv.ParseFloat(word, 64); err == nil {
			return numberValue(v)
		}
		return value{}
	case kind == dataset.Boolean:
		if v, err := strconv.ParseBool(word); err == nil {
			return booleanValue(v)
		}
		return value{}
	case word == "":
		return value{}
	}
	return value{kind: isWord, word: word}
}
