package webhook

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/outbox"
)

// batch is how many events are read at a time.
const batch = 100

// Report sums up a run.
type Report struct {
	Delivered int // notices that were answered 2xx
	Failed    int // attempts that were not
	Failing   int // webhooks whose last attempt failed
}

// runner is the state of one Run.
type runner struct {
	*Courier
	mu     sync.Mutex
	busy   map[string]bool
	report Report
}

// Run delivers until the context ends, which is no error. Beat is told how it
// goes about every Poll. An error is of the catalog.
func (c *Courier) Run(ctx context.Context, beat func(Report)) (Report, error) {
	r := &runner{Courier: c, busy: map[string]bool{}}
	err := outbox.Loop{Every: c.cfg.Poll, Round: r.round, Beat: func() { beat(r.seen()) }}.Run(ctx)
	return r.seen(), err
}

func (r *runner) seen() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report
}

// round starts a delivery for each webhook that is due and has none under way.
func (r *runner) round(ctx context.Context, wg *sync.WaitGroup) error {
	// Before the catalog is read: what a delivery under way has moved since would be seen where it was.
	r.mu.Lock()
	underway := maps.Clone(r.busy)
	r.mu.Unlock()
	all, err := r.cfg.Catalog.Webhooks(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	head, err := r.cfg.Catalog.LastEvent(ctx)
	if err != nil {
		return err
	}
	failing := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range all {
		if w.Active && w.Progress.Attempts > 0 {
			failing++
		}
		if !w.Active || w.Progress.Cursor >= head || time.Now().Before(w.Progress.RetryAt) || underway[w.ID] {
			continue
		}
		r.busy[w.ID] = true
		wg.Go(func() {
			r.deliver(ctx, &line{Webhook: w, stored: w.Progress.Cursor}, head)
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.busy, w.ID)
		})
	}
	r.report.Failing = failing
	return nil
}

// line is a webhook whose turn it is.
type line struct {
	catalog.Webhook
	// stored is the cursor that the catalog has; Progress may be ahead of it, over events that are not for this webhook.
	stored int64
}

// deliver takes a webhook up to the event head, or to the first failure.
func (r *runner) deliver(ctx context.Context, w *line, head int64) {
	for w.Progress.Cursor < head {
		events, err := r.cfg.Catalog.Events(ctx, catalog.EventFilter{SubjectPrefix: "model/", AfterID: w.Progress.Cursor, Limit: batch})
		if err != nil {
			return // the next round meets it again, and tells
		}
		for _, e := range events {
			if !r.one(ctx, w, e) {
				return
			}
		}
		if len(events) < batch {
			// Nothing between here and head is for webhooks.
			next := w.Progress
			next.Cursor = max(head, next.Cursor)
			r.note(ctx, w, next)
			return
		}
	}
}

// one delivers what a webhook is told of one event; false ends the delivery.
func (r *runner) one(ctx context.Context, w *line, e catalog.Event) bool {
	notices, err := Notices(ctx, r.cfg.Catalog, e)
	if err != nil {
		return r.failed(ctx, w, Answer{}, err)
	}
	next := w.Progress
	for i, n := range notices {
		if !slices.Contains(w.Events, n.Event) {
			continue
		}
		body, err := payload(n, e.At)
		if err != nil {
			return r.failed(ctx, w, Answer{}, err)
		}
		answer, err := r.send(ctx, w.Webhook, deliveryID(w.ID, e.ID, i), body)
		if err != nil {
			return r.failed(ctx, w, answer, err)
		}
		next.Delivered++
		next.LastStatus, next.LastAt = answer.Status, time.Now()
		r.count(func(report *Report) { report.Delivered++ })
	}
	next.Attempts, next.RetryAt, next.LastError = 0, time.Time{}, ""
	if next == w.Progress {
		// Not to be told of: the cursor moves with the next one that is, or at the end.
		w.Progress.Cursor = e.ID
		return true
	}
	next.Cursor = e.ID
	return r.note(ctx, w, next)
}

// failed puts a failure on record and plans the next attempt.
func (r *runner) failed(ctx context.Context, w *line, answer Answer, err error) bool {
	if ctx.Err() != nil {
		return false // we were told to stop: it says nothing about the receiver
	}
	next := w.Progress
	next.Attempts++
	pause := outbox.Retry{First: r.cfg.FirstRetry, Most: r.cfg.MaxRetry}.Pause(int(next.Attempts))
	next.LastAt = time.Now()
	next.RetryAt = next.LastAt.Add(min(max(pause, answer.After), r.cfg.MaxRetry))
	next.LastStatus, next.LastError = answer.Status, clip(err.Error())
	r.count(func(report *Report) { report.Failed++ })
	r.cfg.Log.Warn("webhook not delivered; it is tried again", "webhook", w.ID, "name", w.Name, "attempts", next.Attempts, "retry_at", next.RetryAt, "error", next.LastError)
	r.note(ctx, w, next)
	return false
}

// note moves the webhook on, unless another has meanwhile. It does not stop with
// the run.
func (r *runner) note(ctx context.Context, w *line, next catalog.Progress) bool {
	ctx, cancel := outbox.Note(ctx)
	defer cancel()
	moved, err := r.cfg.Catalog.NoteDelivery(ctx, w.ID, w.stored, next)
	if err != nil {
		r.cfg.Log.Warn("delivery not put on record; it is made again", "webhook", w.ID, "error", err)
	}
	if err != nil || !moved {
		return false
	}
	w.Progress, w.stored = next, next.Cursor
	return true
}

func (r *runner) count(add func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(&r.report)
}

func clip(s string) string {
	const most = 500
	return s[:min(len(s), most)]
}
