package dataset

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// CellState is what can be done with a cell.
type CellState byte

// States of cells.
const (
	CellUsable CellState = iota
	CellNull
	CellNaN      // a number that is none
	CellInfinite // a number beyond all
	CellWrong    // not of the kind
)

// Cells reads some columns of batches as the kinds that its user wants, whatever
// they are stored as: text is parsed, numbers are written where text is wanted.
// What can't be read is a matter of that cell alone.
type Cells struct {
	columns []cellColumn
	rows    int
	seen    int64
}

type cellColumn struct {
	index int
	m     meaning
	v     vector
}

// NewCells wants columns of batches with the stored schema, each as the kind
// integer, number, boolean or string. The schema s, which may be nil, says which
// words stand for null, what separates decimals and what NaN means. The error
// wraps ErrNoColumn and names every column that is not there.
func NewCells(stored *arrow.Schema, want []Column, s *Schema) (*Cells, error) {
	c := &Cells{columns: make([]cellColumn, len(want))}
	var missing []string
	for i, w := range want {
		at := stored.FieldIndices(w.Name)
		if len(at) != 1 {
			missing = append(missing, w.Name)
			continue
		}
		m := meaning{}
		if s != nil {
			if r, known := s.rule(w.Name); known {
				m = s.meaning(r)
			}
		}
		m.kind = w.Kind.held()
		if m.nan == "" || m.nan == NaNRefused {
			m.nan = NaNIsValue // who uses the cells decides
		}
		c.columns[i].index, c.columns[i].m = at[0], m
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%q: %w", missing, ErrNoColumn)
	}
	return c, nil
}

// Read takes the next batch, which must outlive the use of its cells.
func (c *Cells) Read(batch arrow.RecordBatch) {
	c.rows = int(batch.NumRows())
	for i := range c.columns {
		column := &c.columns[i]
		column.v.read(batch.Column(column.index), column.m, c.seen)
	}
	c.seen += batch.NumRows()
}

// Rows is how many rows the batch has.
func (c *Cells) Rows() int { return c.rows }

// Columns is how many columns are wanted.
func (c *Cells) Columns() int { return len(c.columns) }

// Usable tells that every cell of wanted column i is usable.
func (c *Cells) Usable(i int) bool { return c.columns[i].v.clean }

// State tells what can be done with a cell.
func (c *Cells) State(i, row int) CellState {
	v := &c.columns[i].v
	switch f := v.flags[row]; {
	case f&cellUnusable == 0:
		return CellUsable
	case f&cellNull != 0:
		return CellNull
	case f&cellWrong != 0:
		return CellWrong
	case f&cellInfinite != 0:
		return CellInfinite
	}
	return CellNaN
}

// Numbers are the cells of a column wanted as number or boolean (0 and 1), without meaning where they are not usable.
func (c *Cells) Numbers(i int) []float64 { return c.columns[i].v.nums }

// Integers are the cells of a column wanted as integer, without meaning where they are not usable.
func (c *Cells) Integers(i int) []int64 { return c.columns[i].v.ints }

// Text is a usable cell of a column wanted as string. It is a copy.
func (c *Cells) Text(i, row int) string { return string(c.columns[i].v.bytesAt(row)) }
