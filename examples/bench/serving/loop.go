package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// loop is ONNX Runtime with nothing around it: batches of equal rows, one Run after the other on each session.
type loop struct {
	batch    int
	sessions []*bare
}

// loop opens so many sessions that run at once: one on all cores, or several on one core each.
func (b *bench) loop(m model, batch, sessions int) (*loop, error) {
	threads := 1
	if sessions == 1 {
		threads = 0
	}
	l := &loop{batch: batch}
	for range sessions {
		s, err := b.bare(m, batch, threads)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.sessions = append(l.sessions, s)
	}
	return l, nil
}

// looped is a loop with its turn to come. A fifth of its time warms it up.
func (b *bench) looped(name string, l *loop) contender {
	return contender{name: name, measure: func(context.Context, time.Duration) (window, error) { return l.run(b.size.floor) }}
}

// run measures Runs for so long, behind a fifth of that which warms up. The rate is of rows, the times are of Runs.
func (l *loop) run(length time.Duration) (window, error) {
	var mu sync.Mutex
	var work sync.WaitGroup
	var times []time.Duration
	var failed error
	start := time.Now().Add(length / 5)
	end := start.Add(length)
	for _, s := range l.sessions {
		work.Go(func() {
			var mine []time.Duration
			for now := time.Now(); now.Before(end) || len(mine) < 3; {
				if err := s.session.Run(); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				then := time.Now()
				if now.After(start) {
					mine = append(mine, then.Sub(now))
				}
				now = then
			}
			mu.Lock()
			times = append(times, mine...)
			mu.Unlock()
		})
	}
	work.Wait()
	var total time.Duration
	for _, t := range times {
		total += t
	}
	return newWindow(float64(l.batch*len(times)*len(l.sessions))/total.Seconds(), times), failed
}

func (l *loop) close() (err error) {
	for _, s := range l.sessions {
		err = errors.Join(err, s.close())
	}
	return err
}
