package procs

import (
	"context"
	"os"
	"runtime"
	"time"
)

// most processors for which it pays, see the package.
const most = 4

const (
	// look is how often it is asked whether requests come one at a time; for as long they must have.
	look = time.Second
	// watch is how often it is asked whether one thread is still enough.
	watch = 5 * time.Millisecond
	// crowd is how many goroutines wait for the one thread, on average over each of patience watches in a row, when it is not. One
	// request at a time keeps two waiting, while the thread looks for the model's answer; and what is measured is a sample.
	crowd    = 4
	patience = 3
	// maxRest bounds how many looks are left out after one thread was not enough for long.
	maxRest = 64
)

// Governor has goroutines run on one thread at once while requests come one at a time.
type Governor struct {
	// Peak is the most requests that were under way at once since it was asked last.
	Peak func() int
	// Waited is for how long goroutines have waited for a thread so far, all together.
	Waited func() time.Duration
	// One sets whether one thread runs goroutines at once, or all do.
	One func(bool)
}

// Fits tells whether there are few processors, but several, and the user has not said how many to use.
func Fits() bool {
	n := runtime.GOMAXPROCS(0)
	return n > 1 && n <= most && os.Getenv("GOMAXPROCS") == ""
}

// New governs this process, in which so many requests were under way at once.
func New(peak func() int) *Governor {
	return &Governor{Peak: peak, Waited: newWaits().total, One: func(one bool) {
		if one {
			runtime.GOMAXPROCS(1)
		} else {
			runtime.SetDefaultGOMAXPROCS() // which follows the processors that a container may use
		}
	}}
}

// Run governs until ctx ends; then all threads run.
func (g *Governor) Run(ctx context.Context) {
	rest, failed := 0, 0
	g.Peak()
	for sleep(ctx, look) {
		if g.Peak() != 1 {
			continue // none came, or several at once
		}
		if rest > 0 {
			rest--
			continue
		}
		g.One(true)
		if g.enough(ctx) < look {
			failed++
			rest = min(1<<min(failed, 16), maxRest)
		} else {
			failed = 0
		}
		g.One(false)
		g.Peak()
	}
}

// enough returns once one thread is not enough any more, or there was nothing for it to do, and tells for how long it was.
func (g *Governor) enough(ctx context.Context) time.Duration {
	start := time.Now()
	before, since, busy, crowded := g.Waited(), start, start, 0
	for sleep(ctx, watch) {
		now, waited := time.Now(), g.Waited()
		if crowded++; waited-before <= crowd*now.Sub(since) {
			crowded = 0
		}
		switch n := g.Peak(); {
		case n > 1, crowded == patience:
			return now.Sub(start)
		case n == 1:
			busy = now
		case now.Sub(busy) >= look: // so that an idle process is not woken for this
			return now.Sub(start)
		}
		before, since = waited, now
	}
	return look
}

// sleep is false once ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
