package stats

import (
	"errors"
	"fmt"
	"math"
)

// CramersV is the strength of association between two categorical variables, 0
// for none to 1 where one gives the other; for two values each it is the phi
// coefficient without its sign. counts[i][j] is how often value i of the first
// stands with value j of the second; rows are of equal length. It is not
// corrected for bias (as SciPy's contingency.association). Rows and columns
// without a count are left out; where one is left on a side there is nothing to
// associate and V is 0.
// Source: H. Cramér, "Mathematical Methods of Statistics" (1946), 21.9.
func CramersV(counts [][]int64) (float64, error) {
	rows := make([]float64, len(counts))
	var columns []float64
	n := 0.0
	for i, row := range counts {
		if i == 0 {
			columns = make([]float64, len(row))
		}
		if len(row) != len(columns) {
			return 0, fmt.Errorf("cramér's v: row %d has %d counts, row 0 has %d", i, len(row), len(columns))
		}
		for j, c := range row {
			if c < 0 {
				return 0, errors.New("cramér's v: a count is negative")
			}
			rows[i] += float64(c)
			columns[j] += float64(c)
			n += float64(c)
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("cramér's v: %w", ErrNoData)
	}
	smaller := min(filled(rows), filled(columns))
	if smaller < 2 {
		return 0, nil
	}
	phi2 := 0.0
	for i, row := range counts {
		for j, c := range row {
			if expected := rows[i] * columns[j] / n; expected > 0 {
				d := float64(c) - expected
				phi2 += d * d / expected / n
			}
		}
	}
	return min(1, math.Sqrt(phi2/float64(smaller-1))), nil
}

// filled counts what is above 0.
func filled(sums []float64) int {
	n := 0
	for _, s := range sums {
		if s > 0 {
			n++
		}
	}
	return n
}
