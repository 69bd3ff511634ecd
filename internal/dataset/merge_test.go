package dataset

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSketchesMergeWithinTheirErrors merges states that hold more than is kept exactly.
func TestSketchesMergeWithinTheirErrors(t *testing.T) {
	t.Parallel()
	const n = 200_000
	type states struct {
		counter  *counter
		frequent *counter
		rows     *rowSet
		set      *hashSet
		sample   sample
		moments  moments
	}
	make1 := func(from, to int) *states {
		s := &states{counter: newCounter(1000), frequent: newCounter(100), rows: newRowSet(), set: &hashSet{limit: 1000}, sample: newSample(2000), moments: newMoments()}
		for i := from; i < to; i++ {
			hash := mix(uint64(i) + 1)
			s.counter.id(hash)
			s.frequent.id(mix(uint64(i%90) + 1))
			if i%50 == 0 {
				s.frequent.id(hash)
			}
			s.rows.add([]uint64{hash})
			s.set.add(hash)
			s.sample.seen++
			if rank := rankOf(int64(i)); rank < s.sample.bound {
				s.sample.keep(rank, float64(i))
			}
			feed(&s.moments, float64(i))
		}
		s.moments.join()
		return s
	}
	whole, a, b := make1(0, n), make1(0, n/3), make1(n/4, n) // they share values
	a.counter.merge(b.counter)
	distinct, method := a.counter.distinct()
	require.NotEqual(t, Exact, method)
	require.InEpsilon(t, n, distinct, 4*sketchError)
	require.True(t, a.counter.stop)

	a.frequent.merge(b.frequent)
	require.True(t, a.frequent.full)
	require.False(t, a.frequent.stop, "most values are known")
	require.True(t, a.frequent.missed)
	distinct, _ = a.frequent.distinct()
	wanted, _ := whole.frequent.distinct()
	require.InEpsilon(t, wanted, distinct, 4*sketchError)
	require.InEpsilon(t, whole.frequent.counts[0], a.frequent.counts[0], 0.15, "both saw a part of the rows")

	a.rows.merge(b.rows)
	different, method := a.rows.distinct()
	require.Equal(t, Exact, method)
	require.InDelta(t, n, different, 0)

	a.set.merge(b.set, nil)
	require.True(t, a.set.full)
	require.Equal(t, int64(n/3+n-n/4), a.set.seen)

	c, d := make1(0, n/3), make1(n/3, n)
	c.sample.merge(&d.sample)
	require.Equal(t, whole.sample.values(), c.sample.values(), "the rows of lowest rank are the same")
	require.Equal(t, whole.sample.seen, c.sample.seen)
	c.moments.merge(&d.moments)
	require.Equal(t, whole.moments.n, c.moments.n)
	require.InEpsilon(t, whole.moments.mean, c.moments.mean, 1e-12)
	require.InEpsilon(t, whole.moments.std(), c.moments.std(), 1e-12)
	require.InDelta(t, n*(n-1)/2, c.moments.sum+c.moments.lost, 0)
	empty := newMoments()
	empty.merge(&c.moments)
	require.InDelta(t, c.moments.mean, empty.mean, 0)

	// Rows beyond the bound of both.
	e, f := &rowSet{limit: 500}, &rowSet{limit: 500}
	for i := range 5000 {
		e.add([]uint64{mix(uint64(i) + 1)})
		f.add([]uint64{mix(uint64(i) + 2501)})
	}
	e.merge(f)
	different, method = e.distinct()
	require.NotEqual(t, Exact, method)
	require.InEpsilon(t, 7500, different, 4*sketchError)
}

func feed(m *moments, x float64) { m.add([]float64{x}) }

// TestMomentsMergeLikeOnePass cuts random values anywhere.
func TestMomentsMergeLikeOnePass(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 3))
	for range 200 {
		values := make([]float64, 1+rng.IntN(5000))
		for i := range values {
			values[i] = rng.NormFloat64()*math.Pow(10, float64(rng.IntN(6))) + 1e6
		}
		cut := rng.IntN(len(values) + 1)
		whole, a, b := newMoments(), newMoments(), newMoments()
		for i, x := range values {
			feed(&whole, x)
			if i < cut {
				feed(&a, x)
			} else {
				feed(&b, x)
			}
		}
		whole.join()
		a.join()
		b.join()
		a.merge(&b)
		require.Equal(t, whole.n, a.n)
		require.InEpsilon(t, whole.mean, a.mean, 1e-12)
		require.InEpsilon(t, 1+whole.std(), 1+a.std(), 1e-11)
		require.InEpsilon(t, whole.sum+whole.lost, a.sum+a.lost, 1e-12)
		require.InDelta(t, whole.min, a.min, 0)
		require.InDelta(t, whole.max, a.max, 0)
	}
}
