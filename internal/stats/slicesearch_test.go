package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// searched is a table of columns with few groups, one of them with rows in no group.
func searched(random *rand.Rand, rows, columns int) []SliceColumn {
	out := make([]SliceColumn, columns)
	for c := range out {
		out[c] = SliceColumn{Groups: 2 + c%4, Codes: make([]int, rows)}
		for i := range rows {
			out[c].Codes[i] = random.IntN(out[c].Groups)
			if c == 0 && random.IntN(10) == 0 {
				out[c].Codes[i] = -1
			}
		}
	}
	return out
}

var sliceOptions = SliceOptions{MinRows: 20, Alpha: 0.05, Seed: 1, Work: 5_000_000}

// Where the loss has nothing to do with the columns, a slice is found in at
// most the stated share of tables, whether losses are errors or distances.
func TestSliceSearchWithoutAWeakSlice(t *testing.T) {
	t.Parallel()
	const tables, rows = 250, 120
	for name, draw := range map[string]func(*rand.Rand) float64{
		"errors": func(r *rand.Rand) float64 {
			if r.Float64() < 0.2 {
				return 1
			}
			return 0
		},
		"distances": func(r *rand.Rand) float64 { return math.Abs(r.NormFloat64()) },
	} {
		random := rand.New(rand.NewPCG(31, 32))
		raised := 0.0
		for table := range tables {
			columns := searched(random, rows, 8)
			loss := make([]float64, rows)
			for i := range loss {
				loss[i] = draw(random)
			}
			o := sliceOptions
			o.Seed = uint64(table)
			found, err := SearchSlices(loss, columns, o)
			require.NoError(t, err)
			require.True(t, found.Pairs)
			if len(found.Weak) > 0 {
				raised++
			}
		}
		rate := raised / tables
		t.Logf("%s: a weak slice raised in %.1f %% of tables without one, stated 5 %%", name, 100*rate)
		require.LessOrEqual(t, rate, 0.05+3*math.Sqrt(0.05*0.95/tables), name)
	}
}

// A planted weak slice is found: one group of a column, and what two groups have in common.
func TestSliceSearchFindsWhatWasPlanted(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(41, 42))
	const tables, rows = 12, 600
	single, pair := 0, 0
	for table := range tables {
		columns := searched(random, rows, 8)
		loss, other := make([]float64, rows), make([]float64, rows)
		for i := range loss {
			if random.Float64() < 0.1 || columns[2].Codes[i] == 3 && random.Float64() < 0.3 {
				loss[i] = 1
			}
			if random.Float64() < 0.1 || columns[4].Codes[i] == 1 && columns[1].Codes[i] == 2 && random.Float64() < 0.4 {
				other[i] = 1
			}
		}
		o := sliceOptions
		o.Seed = uint64(table)
		found, err := SearchSlices(loss, columns, o)
		require.NoError(t, err)
		for _, w := range found.Weak {
			require.True(t, w.P <= 0.05 && w.Mean > w.Rest && w.Rows >= 20)
			if w.Columns == [2]int{2, -1} && w.Groups == [2]int{3, -1} {
				single++
			}
		}
		found, err = SearchSlices(other, columns, o)
		require.NoError(t, err)
		if len(found.Weak) > 0 && found.Weak[0].Columns == [2]int{1, 4} && found.Weak[0].Groups == [2]int{2, 1} {
			pair++
		}
	}
	t.Logf("found in %d and %d of %d tables", single, pair, tables)
	require.Greater(t, single, tables*9/10)
	require.Greater(t, pair, tables*9/10)
}

func TestSliceSearchBounds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(51, 52))
	columns := searched(random, 100, 6)
	loss := make([]float64, 100)
	found, err := SearchSlices(loss, columns, sliceOptions)
	require.NoError(t, err)
	require.Empty(t, found.Weak, "all losses are equal")
	require.Equal(t, 999, found.Permutations)

	o := sliceOptions
	o.Work = 10
	loss[3] = 1
	found, err = SearchSlices(loss, columns, o)
	require.NoError(t, err)
	require.False(t, found.Pairs)
	require.Equal(t, 199, found.Permutations, "enough for the level, whatever the bound")

	loss[3] = math.NaN()
	_, err = SearchSlices(loss, columns, o)
	require.ErrorContains(t, err, "finite")
	_, err = SearchSlices(loss[:50], columns, o)
	require.Error(t, err)
	o.Alpha = 0
	_, err = SearchSlices(loss, columns, o)
	require.ErrorContains(t, err, "level 0")
	columns[1].Codes[0] = 99
	_, err = SearchSlices(make([]float64, 100), columns, sliceOptions)
	require.ErrorContains(t, err, "outside")
}
