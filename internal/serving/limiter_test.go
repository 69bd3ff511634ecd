package serving

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

// joined is the share of a model that takes so much.
func joined(t testing.TB, l *limiter, priority int, need spec.Resources) *share {
	t.Helper()
	s, err := l.join(spec.Deployment{Resources: need, Priority: priority}, "cpu")
	require.NoError(t, err)
	return s
}

// backlog is a load under which every model has the next batch waiting when one of its batches ends. turns are
// how many each had when so many ended in all.
func backlog(shares []*share, total int, sequence func(i int)) []int {
	waiting, running := make([]*turn, len(shares)), []int{}
	turns := make([]int, len(shares))
	for i, s := range shares {
		waiting[i] = s.enter()
	}
	for range total {
		for i, t := range waiting {
			if t.in() {
				turns[i]++
				running = append(running, i)
				if sequence != nil {
					sequence(i)
				}
				waiting[i] = shares[i].enter()
			}
		}
		ends := running[0]
		running = running[1:]
		shares[ends].release()
	}
	for i, t := range waiting { // as it was before
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if t.wait(gone) == nil {
			shares[i].release()
		}
	}
	for _, i := range running {
		shares[i].release()
	}
	return turns
}

// What each gets of one place is what its weight says, exactly, and evenly spread.
func TestLimiterSharesTurnsByWeight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ priorities, turns []int }{
		{[]int{1, 1}, []int{600, 600}},
		{[]int{1, 2}, []int{800, 400}},
		{[]int{1, 3}, []int{900, 300}},
		{[]int{0, 5}, []int{1000, 200}}, // 0 is 1
		{[]int{1, 2, 3, 6}, []int{600, 300, 200, 100}},
		{[]int{2, 2, 4, 4}, []int{400, 400, 200, 200}},
		{[]int{1, 1024}, []int{1199, 1}},
	} {
		l := newLimiter(nil)
		var shares []*share
		for _, p := range c.priorities {
			shares = append(shares, joined(t, l, p, spec.Resources{"r": 1}))
		}
		since := make([]int, len(shares))
		got := backlog(shares, 1200, func(i int) {
			for j := range since {
				since[j]++
			}
			sum, own := 0.0, shares[i].weight
			for _, s := range shares {
				sum += s.weight
			}
			require.LessOrEqual(t, float64(since[i]), math.Ceil(sum/own)+float64(len(shares)), "%v: %d waited for too many turns", c.priorities, i)
			since[i] = 0
		})
		for i := range got {
			require.InDelta(t, c.turns[i], got[i], 1, "%v: %v", c.priorities, got)
		}
	}
}

// A model that takes all there is gets its turns too, and meanwhile small ones run side by side.
func TestLimiterDoesNotOvertakeTheLargeForEver(t *testing.T) {
	t.Parallel()
	l := newLimiter(Stock{"r": {eachDevice: 4}})
	shares := []*share{joined(t, l, 1, spec.Resources{"r": 4})}
	for range 6 {
		shares = append(shares, joined(t, l, 1, spec.Resources{"r": 1}))
	}
	most, used := 0, 0
	got := backlog(shares, 700, func(int) { used = l.levels()[0].Used; most = max(most, used) })
	require.Equal(t, 4, most)
	for i, n := range got {
		require.InDelta(t, 100, n, 2, "model %d: %v", i, got)
	}
}

// What a model was let alone for is not held against it, and who was away has nothing saved.
func TestLimiterForgetsTurnsWithoutCompetition(t *testing.T) {
	t.Parallel()
	l := newLimiter(nil)
	a, b := joined(t, l, 1, spec.Resources{"r": 1}), joined(t, l, 1, spec.Resources{"r": 1})
	require.Equal(t, []int{1000}, backlog([]*share{a}, 1000, nil))
	var order []int
	backlog([]*share{a, b}, 20, func(i int) { order = append(order, i) })
	for i := 2; i < len(order); i++ {
		require.NotEqual(t, order[i], order[i-1], "they take turns: %v", order)
	}
}

// Models on other resources make no difference, even where one competes with both kinds.
func TestLimiterKeepsResourcesApart(t *testing.T) {
	t.Parallel()
	l := newLimiter(nil)
	x, y := spec.Resources{"x": 1}, spec.Resources{"y": 1}
	fast := []*share{joined(t, l, 1, x), joined(t, l, 2, x)}
	slow := []*share{joined(t, l, 1, y), joined(t, l, 1, y)}
	require.InDeltaSlice(t, []int{8000, 4000}, backlog(fast, 12000, nil), 2)
	require.Zero(t, l.levels()[0].Used)
	bridge := joined(t, l, 1, spec.Resources{"x": 1, "y": 1})
	// Each of x and y has one place: the one that needs both is to get a fair part, and nobody is starved.
	got := backlog([]*share{fast[0], fast[1], slow[0], slow[1], bridge}, 3000, nil)
	for i, n := range got {
		require.Greater(t, n, 150, "model %d: %v", i, got)
	}
}

// Without a stock there is as much as the most that a model takes: the example of Triton's documentation.
func TestLimiterCountsWhatNobodyCounted(t *testing.T) {
	t.Parallel()
	l := newLimiter(Stock{"R9": {Everywhere: 7}})
	a := joined(t, l, 1, spec.Resources{"R1": 4, "R2": 4})
	b := joined(t, l, 1, spec.Resources{"R2": 5, "R3": 10, "R4": 5})
	joined(t, l, 1, spec.Resources{"R1": 1, "R3": 7, "R4": 2, "R9": 2})
	limits := func() map[string]int {
		out := map[string]int{}
		for _, level := range l.levels() {
			out[level.Resource+"@"+level.Place] = level.Limit
		}
		return out
	}
	require.Equal(t, map[string]int{"R1@cpu": 4, "R2@cpu": 5, "R3@cpu": 10, "R4@cpu": 5, "R9@all": 7}, limits())
	require.Equal(t, 1, a.batches())
	b.leave()
	b.leave() // once is enough
	require.Equal(t, map[string]int{"R1@cpu": 4, "R2@cpu": 4, "R3@cpu": 7, "R4@cpu": 2, "R9@all": 7}, limits())

	gpu, err := l.join(spec.Deployment{Resources: spec.Resources{"R1": 9, "R9": 7}}, "cuda:0")
	require.NoError(t, err)
	require.Equal(t, 4, limits()["R1@cpu"], "another device has its own")
	require.Equal(t, 9, limits()["R1@cuda"])
	_, err = l.join(spec.Deployment{Resources: spec.Resources{"R9": 8}}, "cpu")
	require.ErrorContains(t, err, `a batch takes 8 of the resource "R9", and there are 7 in all: lower deployment.resources.R9, or start the gateway with --resource R9=8 or more`)
	none, err := l.join(spec.Deployment{Priority: 3}, "cpu")
	require.NoError(t, err)
	require.Nil(t, none)
	require.NoError(t, none.acquire(t.Context()))
	none.release()

	// What is taken when a model goes is still there to be given back.
	require.True(t, gpu.try())
	gpu.leave()
	require.Equal(t, Level{"R1", "cuda", 0, 9}, l.levels()[1])
	gpu.release()
	require.NotContains(t, limits(), "R1@cuda")
}

// A wait ends with its context, on time; who waited behind goes on at once.
func TestLimiterWaitsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Stock{"r": {eachDevice: 2}})
		small, large := joined(t, l, 1, spec.Resources{"r": 1}), joined(t, l, 1, spec.Resources{"r": 2})
		require.True(t, small.try())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		got := make(chan error)
		go func() { got <- large.acquire(ctx) }()
		synctest.Wait()
		require.False(t, small.try(), "what the large one waits for is set aside")
		go func() { got <- small.acquire(t.Context()) }()
		require.ErrorIs(t, <-got, context.DeadlineExceeded)
		require.NoError(t, <-got)
		require.Equal(t, time.Second, time.Since(start))
		small.release()
		small.release()
		require.NoError(t, large.acquire(t.Context()))
		require.Equal(t, 2, l.levels()[0].Used)

		// A context that ends with the grant takes nothing away.
		ended, end := context.WithCancel(t.Context())
		waiting := small.enter()
		end()
		large.release()
		if err := waiting.wait(ended); err == nil {
			small.release()
		}
		require.Equal(t, 0, l.levels()[0].Used)
	})
}

// simulated is a model whose batches all take as long.
type simulated struct {
	*share
	waiting *turn
	since   int   // the tick at which it began to wait
	running []int // the ticks at which its batches end
}

// Whatever models come, wait, run, give up and go: no more is used than there is, nothing is lost, nobody who could run
// waits, credit is bounded, and everybody's turn comes.
func TestLimiterKeepsItsPromises(t *testing.T) {
	t.Parallel()
	const seeds, ticks, takes = 40, 1500, 5
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a test
		stock := Stock{"a": {eachDevice: 1 + r.IntN(4)}, "b": {Everywhere: 1 + r.IntN(6)}, "c": {eachDevice: 1}}
		l := newLimiter(stock)
		var models []*simulated
		join := func() {
			need := spec.Resources{}
			for _, name := range []string{"a", "b", "c"} {
				if n, ok := stock.count(name, stock.place(name, "cpu")); ok && r.IntN(2) == 0 {
					need[name] = 1 + r.IntN(n)
				}
			}
			if len(need) > 0 {
				models = append(models, &simulated{share: joined(t, l, 1+r.IntN(5), need)})
			}
		}
		for range 6 {
			join()
		}
		for now := range ticks {
			if now%500 == 499 { // one comes, one goes
				join()
				gone := slices.IndexFunc(models, func(m *simulated) bool { return m.waiting == nil && len(m.running) == 0 })
				if gone >= 0 {
					models[gone].leave()
					models = slices.Delete(models, gone, gone+1)
				}
			}
			for _, m := range models {
				for len(m.running) > 0 && m.running[0] <= now {
					m.running = m.running[1:]
					m.release()
				}
			}
			for _, m := range models {
				if m.waiting != nil && m.waiting.in() {
					m.waiting, m.running = nil, append(m.running, now+takes)
				}
				if m.waiting != nil && r.IntN(200) == 0 {
					gone, cancel := context.WithCancel(t.Context())
					cancel()
					require.ErrorIs(t, m.waiting.wait(gone), context.Canceled)
					m.waiting = nil
				}
				if m.waiting == nil && r.IntN(10) > 0 {
					m.waiting, m.since = m.enter(), now
				}
				if m.waiting != nil && !m.waiting.in() {
					require.Less(t, now-m.since, 60*takes, "seed %d: one waits for ever", seed)
				}
			}
			keeps(t, l, models)
			if t.Failed() {
				t.Fatalf("seed %d, tick %d", seed, now)
			}
		}
	}
}

// keeps checks a limiter against what its models know.
func keeps(t *testing.T, l *limiter, models []*simulated) {
	t.Helper()
	used, free := map[poolKey]int{}, map[poolKey]int{}
	sum, weights := 0.0, 0.0
	for _, m := range models {
		n := len(m.running)
		if m.waiting != nil && m.waiting.in() {
			n++
		}
		for _, c := range m.claims {
			used[c.key] += n * c.n
		}
		sum, weights = sum+m.credit, weights+m.weight
	}
	for _, m := range models {
		if math.Abs(m.credit) > float64(len(models))*weights {
			t.Errorf("a credit of %g", m.credit)
		}
	}
	if math.Abs(sum) > 1e-6 {
		t.Errorf("credit of %g in all", sum)
	}
	for _, level := range l.levels() {
		key := poolKey{level.Resource, level.Place}
		if level.Used != used[key] || level.Used > level.Limit {
			t.Errorf("%v, by the models %d", level, used[key])
		}
		free[key] = level.Limit - level.Used
	}
	for _, w := range l.waiting {
		fits := true
		for _, c := range w.of.claims {
			fits = fits && free[c.key] >= c.n
			free[c.key] -= c.n
		}
		if fits {
			t.Errorf("one who could run waits")
		}
	}
}
