package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// outcome is what an open-loop load saw.
type outcome struct {
	accepted, refused []time.Duration
	failed            error // an answer that is neither
	seconds           float64
}

// open sends rows at a rate that does not follow the answers.
func (b *bench) open(ctx context.Context, s *server, m model, rate float64, d time.Duration) (outcome, error) {
	body, err := m.protocolBody()
	if err != nil {
		return outcome{}, err
	}
	targeter := vegeta.NewStaticTargeter(vegeta.Target{
		Method: http.MethodPost, URL: "http://" + s.http + "/v2/models/" + m.name + "/infer", Body: body, Header: http.Header{"Content-Type": {"application/json"}},
	})
	attacker := vegeta.NewAttacker(vegeta.Timeout(patience), vegeta.Connections(4096), vegeta.MaxBody(0), vegeta.KeepAlive(true), vegeta.HTTP2(false))
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	out := outcome{seconds: d.Seconds()}
	warm := time.Now().Add(d / 10)
	for r := range attacker.Attack(targeter, vegeta.Rate{Freq: int(rate), Per: time.Second}, d+d/10, "bench") {
		switch {
		case r.Timestamp.Before(warm):
		case r.Code == http.StatusOK:
			out.accepted = append(out.accepted, r.Latency)
		case r.Code == http.StatusServiceUnavailable:
			out.refused = append(out.refused, r.Latency)
		default:
			out.failed = fmt.Errorf("%d %s", r.Code, r.Error)
		}
	}
	return out, ctx.Err()
}

// overload compares the gateway at three times its capacity with itself at 90 % of it.
func (b *bench) overload(ctx context.Context, models []model, f floors) error {
	m := models[len(models)-1]
	if m.kind != large {
		return nil
	}
	// What callers can rely on: the batch that runs, and their own.
	m.latencyMS = 2 * f[m.name].times[m.batch].Seconds() * 1e3
	s, err := b.slipway(ctx, m)
	if err != nil {
		return err
	}
	defer s.Stop()
	loaded, err := b.closed(ctx, s, s.rest, wide)
	if err != nil {
		return err
	}
	capacity := loaded.rate()
	progress("overload: %s takes %.0f rows/s", m.name, capacity)
	steady, err := b.open(ctx, s, m, 0.9*capacity, b.size.steady)
	if err = errors.Join(err, steady.failed); err != nil {
		return fmt.Errorf("at 90 %%: %w", err)
	}
	calm := quantile(steady.accepted, 0.99)
	progress("overload: at 90 %%: p99 %s, %d accepted, %d refused", duration(calm), len(steady.accepted), len(steady.refused))
	before := s.Usage().Resident
	half, err := b.open(ctx, s, m, 3*capacity, b.size.overload/2)
	middle := s.Usage().Resident
	if err = errors.Join(err, half.failed); err != nil {
		return fmt.Errorf("at 3 times capacity: %w", err)
	}
	rest, err := b.open(ctx, s, m, 3*capacity, b.size.overload/2)
	after := s.Usage().Resident
	if err = errors.Join(err, rest.failed); err != nil {
		return fmt.Errorf("at 3 times capacity: %w", err)
	}
	accepted, refused := slices.Concat(half.accepted, rest.accepted), slices.Concat(half.refused, rest.refused)
	got, no := quantile(accepted, 0.99), quantile(refused, 0.99)
	what := fmt.Sprintf("%s at 3 × capacity for %.0f s, REST", m.name, 2*half.seconds)
	b.lines = append(b.lines,
		within(what+": accepted", fmt.Sprintf("%.0f/s; p99 %s", float64(len(accepted))/(2*half.seconds), duration(got)), got,
			fmt.Sprintf("p99 at 90 %% (%.0f refused)", float64(len(steady.refused))), calm, 1.5),
		line{
			what: what + ": refused", ours: fmt.Sprintf("%.0f/s; p50 %s, p99 %s", float64(len(refused))/(2*half.seconds), duration(quantile(refused, 0.5)), duration(no)),
			target: "503 within 5 ms", verdict: judged(len(refused) > 0 && no <= 5*time.Millisecond),
		},
		line{
			what: what + ": memory", ours: fmt.Sprintf("%s before, %s half way, %s at the end", mebibytes(before), mebibytes(middle), mebibytes(after)),
			target: "flat: at most 5 % in the second half", verdict: judged(float64(after) <= 1.05*float64(middle)),
		})
	return nil
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
