package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// OutcomeRunning is the outcome of a release that is under way.
const OutcomeRunning = "running"

// outcomeFailed is what an abandoned release ends with.
const outcomeFailed = "failed"

// Release is one attempt at releasing a model version: what people list of a
// workflow. Run tells attempts at one version apart.
type Release struct {
	Model       string `db:"model" json:"model"`
	Version     string `db:"version" json:"version"`
	Run         string `db:"run" json:"run"`
	WorkflowID  string `db:"workflow_id" json:"workflow_id"`
	RequestedBy string `db:"requested_by" json:"requested_by"`
	Candidate   string `db:"candidate" json:"candidate"` // digest of the model
	Outcome     string `db:"outcome" json:"outcome"`
	Reason      string `db:"reason" json:"reason,omitempty"`
	// Gates is an array of gate reports, in the order in which the gates were first noted.
	Gates     json.RawMessage `db:"-" json:"gates,omitempty"`
	CreatedAt time.Time       `db:"-" json:"created_at"`
	UpdatedAt time.Time       `db:"-" json:"updated_at"`
	EndedAt   *time.Time      `db:"-" json:"ended_at,omitempty"` // nil while active
}

// Active tells that the release has its model.
func (r Release) Active() bool { return r.EndedAt == nil }

// ReleaseFilter selects releases. Zero fields select all.
type ReleaseFilter struct {
	Model   string
	Outcome string
	Active  bool // only active ones
	Limit   int
}

const releaseColumns = "model, version, run, workflow_id, requested_by, candidate, outcome, reason, gates, created_at, updated_at, ended_at"

type releaseRow struct {
	Release
	Gates     document `db:"gates"`
	CreatedAt stamp    `db:"created_at"`
	UpdatedAt stamp    `db:"updated_at"`
	EndedAt   stamp    `db:"ended_at"`
}

func (r releaseRow) release() Release {
	out := r.Release
	out.Gates, out.CreatedAt, out.UpdatedAt = r.Gates.raw(), r.CreatedAt.time(), r.UpdatedAt.time()
	if ended := r.EndedAt.time(); !ended.IsZero() {
		out.EndedAt = &ended
	}
	return out
}

// BeginRelease claims the model for the attempt r.Run. Beginning an attempt
// again gives it as it stands now. While another attempt is active the error is
// a *HeldError.
func (c *Catalog) BeginRelease(ctx context.Context, r Release, m Mark) (Release, error) {
	if err := checkNames("model name", r.Model, "version", r.Version, "run", r.Run); err != nil {
		return Release{}, fmt.Errorf("begin release: %w", err)
	}
	_, err := apply(ctx, c, m, ActionReleaseBegun, ReleaseSubject(r.Model, r.Version), func(t *tx) (move[Release], error) {
		if _, found, err := t.attempt(ctx, r.Model, r.Version, r.Run); err != nil || found {
			return move[Release]{unchanged: true}, err
		}
		if holder, held, err := t.activeRelease(ctx, r.Model); err != nil {
			return move[Release]{}, err
		} else if held {
			return move[Release]{}, &HeldError{Holder: holder}
		}
		begun := r
		begun.Outcome, begun.Reason, begun.EndedAt = OutcomeRunning, "", nil
		begun.Gates = json.RawMessage("[]")
		if begun.CreatedAt.IsZero() {
			begun.CreatedAt = t.now
		}
		begun.CreatedAt, begun.UpdatedAt = at(begun.CreatedAt), t.now
		return move[Release]{after: begun}, t.insert(ctx, "releases(seq, "+releaseColumns+")", "",
			[]any{t.head.ID + 1, begun.Model, begun.Version, begun.Run, begun.WorkflowID, begun.RequestedBy, begun.Candidate,
				begun.Outcome, begun.Reason, document(begun.Gates), stamp(begun.CreatedAt), stamp(begun.UpdatedAt), nil})
	})
	if err != nil {
		return Release{}, err
	}
	var now Release
	err = c.view(ctx, "read release", func(t *tx) error {
		var err error
		now, err = t.mustAttempt(ctx, r.Model, r.Version, r.Run)
		return err
	})
	return now, err
}

// AbandonRelease ends the attempt that holds its model and whose workflow is
// gone, with the outcome "failed". If that attempt has ended it does nothing.
func (c *Catalog) AbandonRelease(ctx context.Context, holder Release, reason string, m Mark) error {
	return c.end(ctx, holder, outcomeFailed, reason, ActionReleaseAbandoned, m, func(Release) error { return nil })
}

// FinishRelease ends an attempt and frees its model. Finishing again with the
// same outcome does nothing; with another it is an ErrConflict.
func (c *Catalog) FinishRelease(ctx context.Context, model, version, run, outcome, reason string, m Mark) error {
	if outcome == "" || outcome == OutcomeRunning {
		return fmt.Errorf("finish release: %w", invalid("outcome %q does not end a release", outcome))
	}
	attempt := Release{Model: model, Version: version, Run: run}
	return c.end(ctx, attempt, outcome, reason, ActionReleaseEnded+"."+outcome, m, func(old Release) error {
		if old.Outcome != outcome {
			return conflict("release %s/%s (run %s) has ended as %s and can't end as %s", model, version, run, old.Outcome, outcome)
		}
		return nil
	})
}

// end ends an attempt. One that has ended before stays as it is; ended judges it.
func (c *Catalog) end(ctx context.Context, r Release, outcome, reason, action string, m Mark, ended func(Release) error) error {
	if m.Reason == "" {
		m.Reason = reason
	}
	_, err := apply(ctx, c, m, action, ReleaseSubject(r.Model, r.Version), func(t *tx) (move[Release], error) {
		old, err := t.mustAttempt(ctx, r.Model, r.Version, r.Run)
		if err != nil {
			return move[Release]{}, err
		}
		if !old.Active() {
			return move[Release]{unchanged: true}, ended(old)
		}
		done := old
		now := t.now
		done.Outcome, done.Reason, done.UpdatedAt, done.EndedAt = outcome, clean(reason), now, &now
		_, err = t.exec(ctx, "UPDATE releases SET outcome = ?, reason = ?, updated_at = ?, ended_at = ? WHERE model = ? AND version = ? AND run = ?",
			outcome, reason, stamp(now), stamp(now), r.Model, r.Version, r.Run)
		return move[Release]{after: done}, err
	})
	return err
}

// Releases lists attempts, newest first.
func (c *Catalog) Releases(ctx context.Context, f ReleaseFilter) ([]Release, error) {
	var q query
	if f.Model != "" {
		q.where("model = ?", f.Model)
	}
	if f.Outcome != "" {
		q.where("outcome = ?", f.Outcome)
	}
	if f.Active {
		q.where("ended_at IS NULL")
	}
	return list(ctx, c, "list releases", releaseRow.release, q.sql("SELECT "+releaseColumns+" FROM releases", "seq DESC", f.Limit), q.args...)
}

// Release is the latest attempt at a version, or ErrNotFound.
func (c *Catalog) Release(ctx context.Context, model, version string) (Release, error) {
	var row releaseRow
	err := c.view(ctx, "read release", func(t *tx) error {
		found, err := t.get(ctx, &row, "SELECT "+releaseColumns+" FROM releases WHERE model = ? AND version = ? ORDER BY seq DESC LIMIT 1", model, version)
		if err == nil && !found {
			err = notFound("release %s/%s", model, version)
		}
		return err
	})
	return row.release(), err
}

// ActiveRelease is the release that has the model, or ErrNotFound.
func (c *Catalog) ActiveRelease(ctx context.Context, model string) (Release, error) {
	var active Release
	err := c.view(ctx, "read active release", func(t *tx) error {
		var found bool
		var err error
		if active, found, err = t.activeRelease(ctx, model); err == nil && !found {
			err = notFound("active release of model %s", model)
		}
		return err
	})
	return active, err
}

func (t *tx) activeRelease(ctx context.Context, model string) (Release, bool, error) {
	var row releaseRow
	found, err := t.get(ctx, &row, "SELECT "+releaseColumns+" FROM releases WHERE model = ? AND ended_at IS NULL", model)
	return row.release(), found, err
}

func (t *tx) attempt(ctx context.Context, model, version, run string) (Release, bool, error) {
	var row releaseRow
	found, err := t.get(ctx, &row, "SELECT "+releaseColumns+" FROM releases WHERE model = ? AND version = ? AND run = ?", model, version, run)
	return row.release(), found, err
}

func (t *tx) mustAttempt(ctx context.Context, model, version, run string) (Release, error) {
	r, found, err := t.attempt(ctx, model, version, run)
	if err == nil && !found {
		err = notFound("release %s/%s (run %s)", model, version, run)
	}
	return r, err
}
