package dataset

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIntegerRuns(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	for name, value := range map[string]func(i int) int64{
		"rising":   func(i int) int64 { return int64(i) },
		"falling":  func(i int) int64 { return int64(-i) },
		"from two": func(i int) int64 { return int64(i/2 + i%2*1000) },
		"twice":    func(i int) int64 { return int64(i % 3000) },
		"shuffled": func(int) int64 { return rng.Int64N(4000) },
		"few gaps": func(i int) int64 { return int64(i + i/100) },
		"the bounds": func(i int) int64 {
			return []int64{math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, 0}[i%5]
		},
		"blocks": func(i int) int64 { return int64((i/100*7919)%100*100 + i%100) },
	} {
		seen, set := map[int64]bool{}, &hashSet{limit: 1 << 20}
		var v vector
		for at := 0; at < 5000; at += 1000 {
			v.reset(Integer, 1000, 0)
			var want []int32
			for i := range v.ints {
				v.ints[i] = value(at + i)
				if i%97 == 0 {
					v.null(i)
				} else if seen[v.ints[i]] {
					want = append(want, int32(i))
				} else {
					seen[v.ints[i]] = true
				}
			}
			v.hash()
			require.Equal(t, want, set.addIntegers(&v, nil), name)
		}
		distinct, method := set.distinct()
		require.Equal(t, Exact, method)
		require.InDelta(t, len(seen), distinct, 0, name)
	}
}
