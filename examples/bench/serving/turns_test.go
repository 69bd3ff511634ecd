package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recorder is a contender that notes when it is asked, and how long it was to warm up.
func recorder(name string, log *[]string, fail int) contender {
	asked := 0
	return contender{name: name, measure: func(_ context.Context, warm time.Duration) (window, error) {
		asked++
		*log = append(*log, name+" "+warm.String())
		if asked == fail {
			return window{}, errors.New("broken")
		}
		return window{rate: float64(asked)}, nil
	}}
}

// TestTurns goes there and back, so that who is last in a round is first in the next, and warms up longest in the first.
func TestTurns(t *testing.T) {
	t.Parallel()
	b := &bench{size: size{windows: 3, warm: 2 * time.Second, again: time.Second}}
	var log []string
	got, err := b.turns(t.Context(), recorder("a", &log, 0), recorder("b", &log, 0))
	require.NoError(t, err)
	require.Equal(t, []string{"a 2s", "b 2s", "b 1s", "a 1s", "a 1s", "b 1s"}, log)
	require.Equal(t, []window{{rate: 1}, {rate: 2}, {rate: 3}}, got[0].windows)
	require.Equal(t, got[0].windows, got[1].windows)
}

// TestTurnsFail ends the run, but for a peer, of which it is told.
func TestTurnsFail(t *testing.T) {
	t.Parallel()
	b := &bench{size: size{windows: 3}}
	var log []string
	_, err := b.turns(t.Context(), recorder("a", &log, 0), recorder("b", &log, 2))
	require.EqualError(t, err, "b: broken")

	peer := recorder("b", &log, 2)
	peer.peer = true
	got, err := b.turns(t.Context(), recorder("a", &log, 0), peer)
	require.NoError(t, err)
	require.True(t, got[0].has())
	require.False(t, got[1].has())
	require.Equal(t, "failed: broken", got[1].String())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.turns(ctx, peer)
	require.ErrorIs(t, err, context.Canceled)
}

// TestPaired compares within rounds: on a host that slows down to a half after the second round, and whose third floor was held up, ours has half
// of theirs all the same. The ratio of the medians would be 80 %.
func TestPaired(t *testing.T) {
	t.Parallel()
	figureOf := func(rates ...float64) (f figure) {
		for _, rate := range rates {
			f.windows = append(f.windows, window{rate: rate})
		}
		return f
	}
	ours, theirs := figureOf(400, 400, 400, 200, 200), figureOf(800, 800, 500, 400, 400)
	require.InDelta(t, 0.5, paired(ours, theirs, timesAsMany), 0)
	require.InDelta(t, 0.8, ours.rate()/theirs.rate(), 0)

	slow, fast := steady(1, 230*time.Microsecond), steady(1, 100*time.Microsecond)
	require.Equal(t, 130*time.Microsecond, paired(slow, fast, func(ours, theirs window) time.Duration { return ours.p50 - theirs.p50 }))
}

// TestCut takes what was answered within the window, and leaves out what came before or after.
func TestCut(t *testing.T) {
	t.Parallel()
	start := time.Unix(100, 0)
	var samples []sample
	for i := range 30 { // one each 100 ms, from a second before to two seconds after
		samples = append(samples, sample{start.Add(time.Duration(i-10) * 100 * time.Millisecond), time.Duration(i) * time.Millisecond, 200})
	}
	w := cut(samples, start, time.Second, 1)
	require.InDelta(t, 10, w.rate, 0)
	require.Equal(t, 14*time.Millisecond, w.p50)
	require.Equal(t, 19*time.Millisecond, w.p95)
	require.Equal(t, 19*time.Millisecond, w.p99)
	require.Zero(t, cut(samples, start.Add(time.Hour), time.Second, 1))

	f := figure{windows: []window{{p50: 14 * time.Millisecond}, {p50: 24 * time.Millisecond}}}
	require.Equal(t, 19*time.Millisecond, f.p50(), "the mean of the two in the middle")
}

// TestRounds takes the rate of 4 clients whose rows are answered in one batch each 300 ms, wherever the window begins: 3 or 4 batches are in it,
// which by its length would be 12 or 16 answers a second.
func TestRounds(t *testing.T) {
	t.Parallel()
	start := time.Unix(100, 0)
	var samples []sample
	for i := range 40 {
		samples = append(samples, sample{start.Add(time.Duration(i/4) * 300 * time.Millisecond), 300 * time.Millisecond, 200})
	}
	for _, begin := range []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond, 250 * time.Millisecond} {
		require.InDelta(t, 4/0.3, cut(samples, start.Add(begin), time.Second, 4).rate, 1e-9)
	}
	require.InDelta(t, 20, cut(samples, start, 200*time.Millisecond, 4).rate, 0, "less than a round")
}
