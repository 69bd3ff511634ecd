package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// outcome is what an open-loop load saw.
type outcome struct {
	accepted, refused []time.Duration
	seconds           float64
}

// open sends rows at a rate that does not follow the answers.
func (b *bench) open(ctx context.Context, e *endpoint, rate float64, d time.Duration) (outcome, error) {
	l := openLoop(rate, warmed(d))
	seen, err := b.h2load(ctx, e, l)
	if err != nil {
		return outcome{}, err
	}
	return sortOut(seen, l.ramp()+d/10, d, rate)
}

// warmed is d with a tenth before it that warms up.
func warmed(d time.Duration) time.Duration { return d + d/10 }

// sortOut takes apart what a load saw from begin on, for d. What is neither an answer nor a refusal, or is missing, is an error.
func sortOut(s seen, begin, d time.Duration, rate float64) (outcome, error) {
	out := outcome{seconds: d.Seconds()}
	if len(s.samples) == 0 {
		return out, errors.New("no answer at all")
	}
	if s.broken > 0 || s.started != len(s.samples) {
		return out, fmt.Errorf("%d requests were sent, %d answered, %d had no answer", s.started, len(s.samples), s.broken)
	}
	first := slices.MinFunc(s.samples, func(a, b sample) int { return a.start().Compare(b.start()) }).start()
	for _, one := range s.samples {
		switch at := one.start().Sub(first) - begin; {
		case one.status != http.StatusOK && one.status != http.StatusServiceUnavailable:
			return out, fmt.Errorf("an answer was %d", one.status)
		case at < 0 || at >= d:
		case one.status == http.StatusOK:
			out.accepted = append(out.accepted, one.latency)
		default:
			out.refused = append(out.refused, one.latency)
		}
	}
	if sent := float64(len(out.accepted)+len(out.refused)) / d.Seconds(); sent < 0.97*rate {
		return out, fmt.Errorf("%.0f rows a second were sent, %.0f wanted: answers took longer than the clients' turns of %s", sent, rate, turn)
	}
	return out, nil
}
