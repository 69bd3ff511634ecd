package modeltest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func word(s string) value { return value{kind: isWord, word: s} }

func TestDesign(t *testing.T) {
	t.Parallel()
	sample := [][]value{
		{numberValue(1), word("red"), booleanValue(true), numberValue(7), {}},
		{numberValue(3), word("blue"), booleanValue(false), numberValue(7), {}},
		{{}, word("red"), booleanValue(true), numberValue(7), {}},
		{numberValue(5), {}, booleanValue(true), numberValue(7), {}},
	}
	d := newDesign(sample, 5)
	// A number and its absence; red, and the two others; true and false. The constant columns tell nothing.
	require.Equal(t, 2+3+2, d.width)
	row := make([]float64, d.width)
	read := func(values []value) []float64 {
		d.row(row, func(column int) value { return values[column] })
		return row
	}
	require.InDeltaSlice(t, []float64{0, 0, 1, 0, 0, 1, 0}, read([]value{numberValue(3), word("red"), booleanValue(true), {}, {}}), 1e-12, "3 is the mean")
	require.InDeltaSlice(t, []float64{0, 1, 0, 1, 0, 0, 1}, read([]value{{}, {}, booleanValue(false), {}, {}}), 1e-12, "levels of equal count are in order")
	require.InDeltaSlice(t, []float64{1.224744871391589, 0, 0, 0, 0, 0, 0}, read([]value{numberValue(5), word("green"), {}, {}, {}}), 1e-12, "what was never seen is nothing")

	var wide [][]value
	for i := range 60 {
		r := make([]value, 400)
		for c := range r {
			r[c] = word(fmt.Sprint((i * (c + 1)) % 30))
		}
		wide = append(wide, r)
	}
	require.LessOrEqual(t, newDesign(wide, 400).width, designWidth)
	require.Equal(t, []int{0, 2, 5, 7}, spread([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 4))
}
