package modeltest

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Bounds of what a linear model is taught.
const (
	designWidth  = 1_000     // columns
	designCells  = 1_500_000 // rows x columns
	designLevels = 20        // values of a column of words that have a column each: the most common ones
)

// design turns rows of a table into rows of numbers for a linear model: numbers
// standardised, 0 where there is none; words and booleans as a 0 or 1 for each
// of the most common values; and a 1 where a value is missing, if some are.
type design struct {
	columns []designColumn
	width   int
}

type designColumn struct {
	column      int // of the table
	mean, scale float64
	levels      map[value]int // places of words, booleans and null; nil for none
	numbers     int           // place of the number; -1 for none
}

// newDesign learns means, spreads and levels from rows. Columns beyond the width are left out.
func newDesign(sample [][]value, columns int) *design {
	d := &design{}
	for c := range columns {
		known := describeColumn(sample, c)
		out := designColumn{column: c, mean: known.mean, scale: known.scale, numbers: -1, levels: map[value]int{}}
		place := d.width
		if known.scale > 0 {
			out.numbers = place
			place++
		}
		for _, v := range known.levels {
			out.levels[v] = place
			place++
		}
		if place > designWidth {
			break
		}
		if place > d.width {
			d.columns, d.width = append(d.columns, out), place
		}
	}
	return d
}

// columnFacts are what a design needs to know of a column.
type columnFacts struct {
	mean, scale float64 // scale is 0 if there are no two numbers
	levels      []value // the most common first; missing numbers among them
}

func describeColumn(sample [][]value, column int) columnFacts {
	var out columnFacts
	counts := map[value]int{}
	n := 0.0
	for _, row := range sample {
		v := row[column]
		if !isKnownNumber(v) {
			counts[levelOf(v)]++
			continue
		}
		n++
		out.mean += (v.number - out.mean) / n
	}
	for _, row := range sample {
		if v := row[column]; isKnownNumber(v) {
			out.scale += (v.number - out.mean) * (v.number - out.mean) / n
		}
	}
	if out.scale = math.Sqrt(out.scale); !isFinite(out.scale) || !isFinite(out.mean) || out.scale <= 1e-12*math.Abs(out.mean) {
		out.scale = 0 // constant, or beyond squares
	}
	out.levels = slices.SortedFunc(maps.Keys(counts), func(a, b value) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a.word, b.word), cmp.Compare(a.number, b.number), cmp.Compare(a.kind, b.kind))
	})
	if len(counts) == 1 && n == 0 {
		out.levels = nil // one value tells nothing
	}
	out.levels = out.levels[:min(len(out.levels), designLevels)]
	return out
}

func isKnownNumber(v value) bool { return v.kind == isNumber && isFinite(v.number) }

// levelOf is the level of what is no usable number.
func levelOf(v value) value {
	if v.kind == isNumber {
		return value{}
	}
	return v
}

// row writes a row of numbers; cell gives its values by column.
func (d *design) row(to []float64, cell func(column int) value) {
	clear(to)
	for _, c := range d.columns {
		v := cell(c.column)
		if isKnownNumber(v) {
			if c.numbers >= 0 {
				to[c.numbers] = (v.number - c.mean) / c.scale
			}
		} else if place, known := c.levels[levelOf(v)]; known {
			to[place] = 1
		}
	}
}

// matrix holds rows of a sample.
func (d *design) matrix(sample [][]value, rows []int) *mat.Dense {
	out := mat.NewDense(len(rows), d.width, nil)
	for i, row := range rows {
		d.row(out.RawRowView(i), func(column int) value { return sample[row][column] })
	}
	return out
}
