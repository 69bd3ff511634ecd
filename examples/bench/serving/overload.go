package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// overload compares the gateway at three times its capacity with itself at 90 % of it.
func (b *bench) overload(ctx context.Context, models []model, f floors) error {
	m, ok := oneOf(models, large)
	if !ok {
		return nil
	}
	// What callers can rely on: the batch that runs, and their own.
	m.latencyMS = 2 * f[m.name].times[m.batch].Seconds() * 1e3
	s, err := b.slipway(ctx, m)
	if err != nil {
		return err
	}
	defer s.Stop()
	loaded, err := b.turns(ctx, b.asked(s, "REST", f[m.name].want, wide))
	if err != nil {
		return err
	}
	capacity := loaded[0].rate()
	progress("overload: %s takes %.0f rows/s", m.name, capacity)
	steady, err := b.open(ctx, s.rest, 0.9*capacity, b.size.steady)
	if err != nil {
		return fmt.Errorf("at 90 %%: %w", err)
	}
	calm := quantile(steady.accepted, 0.99)
	progress("overload: at 90 %%: p99 %s, %d accepted, %d refused", duration(calm), len(steady.accepted), len(steady.refused))
	over := openLoop(3*capacity, warmed(b.size.overload))
	memory := watchMemory(s, over.ramp()+b.size.overload/10, b.size.overload)
	flood, err := b.open(ctx, s.rest, 3*capacity, b.size.overload)
	if err != nil {
		return fmt.Errorf("at 3 times capacity: %w", err)
	}
	before, middle, after := memory()
	accepted, refused := flood.accepted, flood.refused
	got, no := quantile(accepted, 0.99), quantile(refused, 0.99)
	what := fmt.Sprintf("%s at 3 × capacity for %.0f s, REST", m.name, flood.seconds)
	b.lines = append(b.lines,
		within(what+": accepted", fmt.Sprintf("%.0f/s; p99 %s", float64(len(accepted))/flood.seconds, duration(got)),
			fmt.Sprintf("p99 at 90 %% (%d refused)", len(steady.refused)), calm, got.Seconds()/calm.Seconds(), 1.5),
		line{
			what: what + ": refused", ours: fmt.Sprintf("%.0f/s; p50 %s, p99 %s", float64(len(refused))/flood.seconds, duration(quantile(refused, 0.5)), duration(no)),
			target: "503 within 5 ms", verdict: judged(len(refused) > 0 && no <= 5*time.Millisecond),
		},
		line{
			what: what + ": memory", ours: fmt.Sprintf("%s in the beginning, %s half way, %s at the end", mebibytes(before), mebibytes(middle), mebibytes(after)),
			target: "flat: at most 5 % in the second half", verdict: judged(float64(after) <= 1.05*float64(middle)),
		})
	return nil
}

// watchMemory reads a server's memory when a load has begun to count, half way and at its end, d later; what it returns waits for that.
func watchMemory(s *server, begin, d time.Duration) func() (before, middle, after int64) {
	var seen [3]int64
	var reads sync.WaitGroup
	reads.Add(len(seen))
	for i := range seen {
		time.AfterFunc(begin+time.Duration(i)*d/2, func() {
			seen[i] = s.Usage().Resident
			reads.Done()
		})
	}
	return func() (before, middle, after int64) {
		reads.Wait()
		return seen[0], seen[1], seen[2]
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
