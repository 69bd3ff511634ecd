package stats

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// SliceColumn is a column cut into groups: Codes has the group of each row, 0
// to Groups-1, or -1 for a row in none.
type SliceColumn struct {
	Codes  []int
	Groups int
}

// SliceOptions configure SearchSlices.
type SliceOptions struct {
	MinRows int     // fewest rows of a slice, and of the rest
	Alpha   float64 // probability of finding any where there is none
	Seed    uint64
	// Work bounds how many cells are looked at: beyond it pairs are left out,
	// and fewer permutations drawn, though never less than 10/Alpha.
	Work int
}

// WeakSlice is a group of one column, or what a group of each of two columns
// have in common, on which the loss is higher than elsewhere.
type WeakSlice struct {
	// Columns and Groups are places in what was searched; -1 in the second of a single column.
	Columns, Groups [2]int
	Rows            int
	Mean, Rest      float64 // mean loss of the slice, and of all other rows
	Score           float64 // standard errors between Mean and that of all rows
	P               float64 // corrected for the search
}

// SliceSearch is the outcome of SearchSlices.
type SliceSearch struct {
	Weak         []WeakSlice // with P of at most Alpha, highest Score first
	Looked       int         // slices with enough rows
	Pairs        bool        // pairs of columns were looked at
	Permutations int         // drawn, at most
}

// most and fewest bound the permutations: fewest is that many over alpha.
const (
	mostPermutations   = 999
	fewestPermutations = 10
)

// SearchSlices looks for groups of rows, over single columns and pairs, whose
// mean loss is higher than that of the others by more than a search over so
// many would find by chance. The scores of all slices are compared with the
// largest score in each of many permutations of the losses: whatever the
// slices have in common, the probability that any is found, where the loss has
// nothing to do with the columns, is at most Alpha.
//
// Source: the step-wise max-T procedure of P. H. Westfall and S. S. Young,
// "Resampling-Based Multiple Testing" (1993), in one step; that a search over
// slices of a model must be corrected: Y. Chung et al., "Slice Finder", ICDE 2019.
func SearchSlices(loss []float64, columns []SliceColumn, o SliceOptions) (SliceSearch, error) {
	if err := checkSlices(loss, columns, o); err != nil {
		return SliceSearch{}, fmt.Errorf("search slices: %w", err)
	}
	s := &sliceSearch{loss: slices.Clone(loss), columns: columns, options: o}
	for _, v := range loss {
		s.total += v
	}
	mean := s.total / float64(len(loss))
	for _, v := range loss {
		s.variance += (v - mean) * (v - mean) / float64(len(loss)-1)
	}
	out := SliceSearch{Permutations: s.plan()}
	out.Pairs = s.pairs
	out.Looked = s.prepare()
	if !(s.variance > 0) || out.Looked == 0 {
		return out, nil
	}
	found := s.scores()
	slices.SortStableFunc(found, func(a, b WeakSlice) int { return cmp.Compare(b.Score, a.Score) })
	largest := s.permute(out.Permutations, found[0].Score)
	if largest == nil {
		return out, nil
	}
	for _, f := range found {
		at, _ := slices.BinarySearch(largest, f.Score)
		f.P = float64(len(largest)-at+1) / float64(len(largest)+1)
		if f.P <= o.Alpha && f.Score > 0 {
			out.Weak = append(out.Weak, f)
		}
	}
	return out, nil
}

func checkSlices(loss []float64, columns []SliceColumn, o SliceOptions) error {
	if err := checkAlpha(o.Alpha); err != nil {
		return err
	}
	if len(loss) < 2 || o.MinRows < 1 {
		return fmt.Errorf("%d rows and slices of at least %d; want at least 2 and 1", len(loss), o.MinRows)
	}
	for i, v := range loss {
		if !finite(v) {
			return fmt.Errorf("row %d: the loss %v must be finite", i, v)
		}
	}
	for c, column := range columns {
		if len(column.Codes) != len(loss) {
			return fmt.Errorf("column %d has %d rows, there are %d losses", c, len(column.Codes), len(loss))
		}
		for _, code := range column.Codes {
			if code < -1 || code >= column.Groups {
				return errors.New("a group lies outside of its column's")
			}
		}
	}
	return nil
}

// sliceSearch holds the tables that each permutation fills anew.
type sliceSearch struct {
	loss            []float64
	columns         []SliceColumn
	options         SliceOptions
	total, variance float64
	pairs           bool
	tables          []sliceTable
	widest          int
}

// sliceTable is one column, or the cells of two.
type sliceTable struct {
	columns [2]int
	groups  int // of the second column, 1 for a single one
	cells   int
	rows    []int     // by cell; 0 where there are too few, or too many
	error   []float64 // standard error of the mean loss, by cell
}

// plan decides on pairs and returns how many permutations to draw.
func (s *sliceSearch) plan() int {
	fewest := int(math.Ceil(fewestPermutations/s.options.Alpha)) - 1
	k := len(s.columns)
	work := len(s.loss) * (k + k*(k-1)/2)
	if s.pairs = work <= s.options.Work/max(1, fewest); !s.pairs {
		work = len(s.loss) * k
	}
	return max(fewest, min(mostPermutations, s.options.Work/max(1, work)))
}

// prepare counts the rows of each slice, which permutations do not change.
func (s *sliceSearch) prepare() (looked int) {
	for a := range s.columns {
		s.tables = append(s.tables, sliceTable{columns: [2]int{a, -1}, groups: 1, cells: s.columns[a].Groups})
	}
	for a := 0; s.pairs && a < len(s.columns); a++ {
		for b := a + 1; b < len(s.columns); b++ {
			g := s.columns[b].Groups
			s.tables = append(s.tables, sliceTable{columns: [2]int{a, b}, groups: g, cells: s.columns[a].Groups * g})
		}
	}
	kept := s.tables[:0]
	n := len(s.loss)
	for _, t := range s.tables {
		t.rows, t.error = make([]int, t.cells), make([]float64, t.cells)
		for i := range s.loss {
			if cell := s.cell(t, i); cell >= 0 {
				t.rows[cell]++
			}
		}
		any := false
		for cell, m := range t.rows {
			if m < s.options.MinRows || n-m < s.options.MinRows {
				t.rows[cell] = 0
				continue
			}
			t.error[cell] = math.Sqrt(s.variance * float64(n-m) / (float64(n) * float64(m)))
			any = true
			looked++
		}
		if any {
			kept = append(kept, t)
			s.widest = max(s.widest, t.cells)
		}
	}
	s.tables = kept
	return looked
}

func (s *sliceSearch) cell(t sliceTable, row int) int {
	a := s.columns[t.columns[0]].Codes[row]
	if t.columns[1] < 0 {
		return a
	}
	b := s.columns[t.columns[1]].Codes[row]
	if a < 0 || b < 0 {
		return -1
	}
	return a*t.groups + b
}

// sums adds the losses up by cell.
func (s *sliceSearch) sums(t sliceTable, out []float64) []float64 {
	out = out[:t.cells]
	clear(out)
	first := s.columns[t.columns[0]].Codes
	if t.columns[1] < 0 {
		for i, a := range first {
			if a >= 0 {
				out[a] += s.loss[i]
			}
		}
		return out
	}
	second := s.columns[t.columns[1]].Codes
	for i, a := range first {
		if b := second[i]; a >= 0 && b >= 0 {
			out[a*t.groups+b] += s.loss[i]
		}
	}
	return out
}

func (s *sliceSearch) scores() []WeakSlice {
	var found []WeakSlice
	sums := make([]float64, s.widest)
	n := float64(len(s.loss))
	for _, t := range s.tables {
		for cell, sum := range s.sums(t, sums) {
			m := float64(t.rows[cell])
			if m == 0 {
				continue
			}
			found = append(found, WeakSlice{
				Columns: t.columns, Groups: [2]int{cell / t.groups, cell % t.groups}, Rows: t.rows[cell],
				Mean: sum / m, Rest: (s.total - sum) / (n - m), Score: (sum/m - s.total/n) / t.error[cell],
			})
			if t.columns[1] < 0 {
				found[len(found)-1].Groups[1] = -1
			}
		}
	}
	return found
}

// permute gives the largest score of each permutation, ascending. It stops
// with nil as soon as none of the slices can be found any more: when too many
// permutations reach the highest score.
func (s *sliceSearch) permute(count int, highest float64) []float64 {
	random := rand.New(rand.NewPCG(s.options.Seed, uint64(len(s.loss)))) //nolint:gosec // statistics, not secrets
	most := s.options.Alpha * float64(count+1)
	largest := make([]float64, 0, count)
	sums := make([]float64, s.widest)
	mean := s.total / float64(len(s.loss))
	reached := 1.0 // the data itself
	// Scores are compared with a slack for the order of additions.
	slack := 1e-9 * math.Abs(highest)
	for range count {
		random.Shuffle(len(s.loss), func(i, j int) { s.loss[i], s.loss[j] = s.loss[j], s.loss[i] })
		top := math.Inf(-1)
		for _, t := range s.tables {
			for cell, sum := range s.sums(t, sums) {
				if m := t.rows[cell]; m > 0 {
					top = max(top, (sum/float64(m)-mean)/t.error[cell])
				}
			}
		}
		if top += slack; top >= highest {
			if reached++; reached > most {
				return nil
			}
		}
		largest = append(largest, top)
	}
	slices.Sort(largest)
	return largest
}
