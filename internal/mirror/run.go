package mirror

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/outbox"
)

// Report sums up a Run.
type Report struct {
	Delivered int // attempts at a run that went well
	Failed    int // attempts that did not
	Failing   int // runs whose last attempt failed
}

// runner is the state of one Run.
type runner struct {
	*Mirror
	freed chan struct{} // tells the loop that there is room again

	mu      sync.Mutex
	busy    map[string]bool
	failing map[string]bool
	report  Report
	// row counts failures one after the other, over all runs: the server itself is out of order then, and after
	// each pause one run finds out whether it still is.
	row   int
	pause time.Time // until when nothing is tried
}

// Run sends what is due until the context ends, which is no error. Beat is told
// how it goes at least every Poll. An error is of the catalog.
func (m *Mirror) Run(ctx context.Context, beat func(Report)) (Report, error) {
	r := &runner{Mirror: m, freed: make(chan struct{}, 1), busy: map[string]bool{}, failing: map[string]bool{}}
	err := outbox.Loop{Every: m.cfg.Poll, Wake: r.freed, Round: r.round, Beat: func() { beat(r.seen()) }}.Run(ctx)
	return r.seen(), err
}

func (r *runner) seen() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Failing = len(r.failing)
	return r.report
}

// room is how many runs may be begun now.
func (r *runner) room() (room, busy int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	busy, room = len(r.busy), r.cfg.Parallel-len(r.busy)
	if r.row > 0 {
		room = 1 - busy
		if time.Now().Before(r.pause) {
			room = 0
		}
	}
	return max(room, 0), busy
}

// round begins attempts at runs that are due and have none under way.
func (r *runner) round(ctx context.Context, wg *sync.WaitGroup) error {
	room, busy := r.room()
	if room == 0 {
		return nil
	}
	due, err := r.cfg.Catalog.DueMirrorRuns(ctx, time.Now(), room+busy)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range due {
		if room == 0 || r.busy[run.Run] {
			continue
		}
		room--
		r.busy[run.Run] = true
		wg.Go(func() {
			moved := r.one(ctx, run)
			r.mu.Lock()
			delete(r.busy, run.Run)
			r.mu.Unlock()
			if moved {
				select {
				case r.freed <- struct{}{}:
				default:
				}
			}
		})
	}
	return nil
}

// one makes an attempt at a run; moved tells that it went well.
func (r *runner) one(ctx context.Context, run catalog.MirrorRun) (moved bool) {
	run, taken, err := r.cfg.Catalog.TakeMirrorRun(ctx, run)
	if err != nil || !taken {
		return false // the next round meets it again, and tells
	}
	next, err := r.bring(ctx, run)
	if err != nil && ctx.Err() != nil {
		return false // we were told to stop: it says nothing about the server. What arrived is found out next time.
	}
	now := time.Now()
	var apart *asideError
	switch {
	case err == nil:
		next.Done, next.Unsure, next.Attempts, next.LastError, next.DueAt = run.Rev, false, 0, "", now.Add(r.cfg.Rest)
		if next.Remote != "" {
			next.MirroredAt = now
		}
		if next.Refused > run.Refused {
			r.cfg.Log.Warn("run mirrored but for what was refused there: see `slipway mirror show`", "run", run.Run, "refused", next.Refused)
		}
	case errors.As(err, &apart):
		next.Aside, next.Unsure, next.LastError = true, true, clip(err.Error())
		r.cfg.Log.Error("run not mirrored; it is set aside until `slipway mirror retry`", "run", run.Run, "error", next.LastError)
	default:
		next.Attempts, next.Unsure, next.LastError = run.Attempts+1, true, clip(err.Error())
		next.DueAt = now.Add(r.backoff(int(next.Attempts)))
		r.cfg.Log.Warn("run not mirrored; it is tried again", "run", run.Run, "attempts", next.Attempts, "retry_at", next.DueAt, "error", next.LastError)
	}
	r.note(ctx, next)
	if err == nil && next.Remote == "" {
		return true // not to be sent
	}
	r.count(run.Run, err == nil || apart != nil, err == nil)
	return err == nil
}

// count notes what an attempt says about the server: that it answers, or not.
func (r *runner) count(run string, answers, delivered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if delivered {
		r.report.Delivered++
	} else {
		r.report.Failed++
	}
	if answers {
		r.row = 0
		delete(r.failing, run)
		return
	}
	r.failing[run] = true
	r.row++
	r.pause = time.Now().Add(r.backoff(r.row))
}

func (r *runner) backoff(failures int) time.Duration {
	return outbox.Retry{First: r.cfg.FirstRetry, Most: r.cfg.MaxRetry}.Pause(failures)
}

// note does not stop with the run.
func (r *runner) note(ctx context.Context, next catalog.MirrorRun) {
	ctx, cancel := outbox.Note(ctx)
	defer cancel()
	if _, err := r.cfg.Catalog.NoteMirrorRun(ctx, next); err != nil {
		r.cfg.Log.Warn("mirrored run not put on record; it is compared again", "run", next.Run, "error", err)
	}
}

// asideError is one that no other attempt would change.
type asideError struct{ error }

func (e *asideError) Unwrap() error { return e.error }

func clip(s string) string {
	const most = 500
	return s[:min(len(s), most)]
}
