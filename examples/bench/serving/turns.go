package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// contender is one of those that are measured in turns.
type contender struct {
	name string
	// measure takes one window, after so much that does not count.
	measure func(ctx context.Context, warm time.Duration) (window, error)
	// server is what is measured; nil: ONNX Runtime in this process.
	server *server
	// peer: its failure is told in its row; that of another ends the run.
	peer bool
}

// cpu is what a contender's processes have taken so far.
func (c contender) cpu() time.Duration {
	if c.server == nil {
		return 0
	}
	return c.server.Usage().CPU
}

// turns takes a window of each contender, round by round and every other round in reverse order, so that what is compared was measured within
// seconds: the host's speed moves by up to a half within minutes. Those whose turn it is not are up, and it is watched what they take meanwhile.
func (b *bench) turns(ctx context.Context, all ...contender) ([]figure, error) {
	figures := make([]figure, len(all))
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	warm := b.size.warm
	for range b.size.windows {
		for _, i := range order {
			w, err := b.turn(ctx, all, figures, i, warm)
			switch {
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case err != nil && all[i].peer:
				figures[i].absent = "failed: " + err.Error()
				progress("%s: %s", all[i].name, figures[i])
				return figures, nil
			case err != nil:
				return nil, fmt.Errorf("%s: %w", all[i].name, err)
			}
			figures[i].windows = append(figures[i].windows, w)
		}
		slices.Reverse(order)
		warm = b.size.again
	}
	for i, c := range all {
		progress("%s: %s", c.name, figures[i])
	}
	return figures, nil
}

// turn is that of one contender; what the others take meanwhile goes to their figures.
func (b *bench) turn(ctx context.Context, all []contender, figures []figure, i int, warm time.Duration) (window, error) {
	time.Sleep(b.size.rest)
	before := make([]time.Duration, len(all))
	for j, c := range all {
		before[j] = c.cpu()
	}
	start := time.Now()
	w, err := all[i].measure(ctx, warm)
	away := time.Since(start)
	for j, c := range all {
		if j != i {
			figures[j].away += away
			figures[j].idle += c.cpu() - before[j]
		}
	}
	return w, err
}

// paired is the median of what each window of ours is to the one of theirs that was measured in the same round.
func paired[T float64 | time.Duration](ours, theirs figure, of func(ours, theirs window) T) T {
	all := make([]T, len(ours.windows))
	for i := range all {
		all[i] = of(ours.windows[i], theirs.windows[i])
	}
	return median(all)
}

// timesAsMany is how many times theirs a window has answered.
func timesAsMany(ours, theirs window) float64 { return ours.rate / theirs.rate }
