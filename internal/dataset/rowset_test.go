package dataset

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Rows are counted exactly below the bound, whatever came first and however it is cut and merged.
func TestRowSetIsExactBelowItsBound(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for _, test := range []struct {
		rows, different int // row i is value i modulo different
		exact           bool
	}{
		{0, 0, true}, {1, 1, true}, {999, 999, true}, {1250, 999, true}, {1251, 999, true}, {5000, 999, true}, {5000, 7, true}, {100_000, 999, true},
		{1000, 1000, false}, {1250, 1000, false}, {1251, 1000, false}, {5000, 1050, false}, {1249, 1249, false}, {1250, 1250, false}, {50_000, 50_000, false},
	} {
		for _, batch := range []int{97, 1250, 4096} {
			t.Run(fmt.Sprintf("%d rows, %d different, by %d", test.rows, test.different, batch), func(t *testing.T) {
				t.Parallel()
				whole, parts := &rowSet{limit: limit}, &rowSet{limit: limit}
				for from := 0; from < test.rows; from += batch {
					var sums []uint64
					for i := from; i < min(test.rows, from+batch); i++ {
						sums = append(sums, uint64(i%test.different)*3)
					}
					part := &rowSet{limit: limit}
					part.addAll(append([]uint64(nil), sums...))
					if from%2 == 1 {
						part.distinct() // tells its rows apart
					}
					parts.merge(part)
					whole.addAll(sums)
				}
				for _, s := range []*rowSet{whole, parts} {
					require.EqualValues(t, test.rows, s.seen)
					n, method := s.distinct()
					require.Equal(t, test.exact, method == Exact, "%s", method)
					if test.exact {
						require.InDelta(t, test.different, n, 0)
					} else {
						require.InEpsilon(t, test.different, n, 4*sketchError)
					}
				}
			})
		}
	}
}
