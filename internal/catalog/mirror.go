package catalog

import (
	"context"
	"fmt"
	"time"
)

// mirrorName is the one mirror that there is.
const mirrorName = "mlflow"

// Mirror is another tracking server that has the runs as well.
type Mirror struct {
	// Target is its address, without credentials.
	Target string    `json:"target"`
	Since  time.Time `json:"since"`
}

// StartMirror notes from now on which runs change, for the server at target. It
// is no event if that is the case already. Of another target the runs that the
// last one got are all to be sent.
func (c *Catalog) StartMirror(ctx context.Context, target string, m Mark) (Mirror, error) {
	if err := required("mirror target", target); err != nil {
		return Mirror{}, fmt.Errorf("start mirror: %w", err)
	}
	return apply(ctx, c, m, ActionMirrorStarted, MirrorSubject(mirrorName), func(t *tx) (move[Mirror], error) {
		old, found, err := t.mirror(ctx)
		if err != nil {
			return move[Mirror]{}, err
		}
		if found && old.Target == target {
			return move[Mirror]{after: old, unchanged: true}, nil
		}
		now := Mirror{Target: target, Since: t.now}
		if err := t.insert(ctx, "mirrors(name, target, started_at)", "ON CONFLICT (name) DO UPDATE SET target = excluded.target, started_at = excluded.started_at",
			[]any{mirrorName, now.Target, stamp(now.Since)}); err != nil {
			return move[Mirror]{}, err
		}
		// What is known of the runs is about the old server. Who has taken a turn loses it.
		if _, err := t.exec(ctx, `UPDATE mirror_runs SET rev = rev + 1, done = 0, turn = turn + 1, unsure = FALSE, aside = FALSE, attempts = 0, refused = 0,
			due_at = ?, remote = '', sent = '', last_error = '', mirrored_at = NULL`, stamp(t.now)); err != nil {
			return move[Mirror]{}, err
		}
		var before any
		if found {
			before = old
		}
		return move[Mirror]{before: before, after: now}, nil
	})
}

// StopMirror notes changes no longer and forgets what was sent. It is an
// ErrNotFound if there is no mirror.
func (c *Catalog) StopMirror(ctx context.Context, m Mark) error {
	_, err := apply(ctx, c, m, ActionMirrorStopped, MirrorSubject(mirrorName), func(t *tx) (move[Mirror], error) {
		old, found, err := t.mirror(ctx)
		if err != nil {
			return move[Mirror]{}, err
		}
		if !found {
			return move[Mirror]{}, notFound("a mirror of runs")
		}
		if _, err := t.exec(ctx, "DELETE FROM mirrors"); err != nil {
			return move[Mirror]{}, err
		}
		_, err = t.exec(ctx, "DELETE FROM mirror_runs")
		return move[Mirror]{before: old}, err
	})
	return err
}

func (t *tx) mirror(ctx context.Context) (Mirror, bool, error) {
	var row struct {
		Target string `db:"target"`
		Since  stamp  `db:"started_at"`
	}
	found, err := t.get(ctx, &row, "SELECT target, started_at FROM mirrors WHERE name = ?", mirrorName)
	return Mirror{Target: row.Target, Since: row.Since.time()}, found, err
}

// changed notes for the mirror, if there is one, that the runs which a condition
// on the table runs selects have changed.
func (t *tx) changed(ctx context.Context, condition string, args ...any) error {
	_, err := t.exec(ctx, `INSERT INTO mirror_runs AS m(run_id, rev, done, turn, unsure, aside, attempts, refused, due_at, remote, sent, last_error)
		SELECT id, 1, 0, 0, FALSE, FALSE, 0, 0, CAST(? AS BIGINT), '', '', '' FROM runs WHERE (`+condition+`) AND EXISTS (SELECT 1 FROM mirrors) ORDER BY id
		ON CONFLICT (run_id) DO UPDATE SET rev = m.rev + 1`, append([]any{stamp(t.now)}, args...)...)
	return err
}

// MirrorStatus is how far a mirror is.
type MirrorStatus struct {
	Mirror
	// Runs counts the runs that it has to do with, Pending those of which something is still to be sent.
	Runs    int64 `json:"runs"`
	Pending int64 `json:"pending"`
	Failing int64 `json:"failing"` // pending ones whose last attempt failed
	// Aside counts the runs that were given up until someone asks for another attempt, Refused those of which
	// the other server did not take everything.
	Aside   int64 `json:"aside"`
	Refused int64 `json:"refused"`
	// Waiting is since when the oldest pending run could have been sent; zero: none is pending.
	Waiting time.Time `json:"waiting,omitzero"`
	// Troubles are runs that are failing, aside or refused in part, those aside first.
	Troubles []MirrorRun `json:"troubles"`
}

// MirrorStatus tells how far the mirror is, with at most limit troubles. It is
// an ErrNotFound if there is no mirror.
func (c *Catalog) MirrorStatus(ctx context.Context, limit int) (MirrorStatus, error) {
	var out MirrorStatus
	err := c.view(ctx, "read mirror", func(t *tx) error {
		mirror, found, err := t.mirror(ctx)
		if err != nil {
			return err
		}
		if !found {
			return notFound("a mirror of runs")
		}
		var row struct {
			Runs, Pending, Failing, Aside, Refused int64
			Waiting                                stamp
		}
		if _, err := t.get(ctx, &row, `SELECT COUNT(*) AS runs, COUNT(CASE WHEN done < rev AND NOT aside THEN 1 END) AS pending,
			COUNT(CASE WHEN done < rev AND NOT aside AND attempts > 0 THEN 1 END) AS failing,
			COUNT(CASE WHEN aside THEN 1 END) AS aside, COUNT(CASE WHEN refused > 0 THEN 1 END) AS refused,
			MIN(CASE WHEN done < rev AND NOT aside THEN due_at END) AS waiting FROM mirror_runs`); err != nil {
			return err
		}
		out = MirrorStatus{Mirror: mirror, Runs: row.Runs, Pending: row.Pending, Failing: row.Failing, Aside: row.Aside, Refused: row.Refused, Waiting: row.Waiting.time()}
		out.Troubles, err = t.mirrorRuns(ctx, "m.aside OR m.refused > 0 OR (m.done < m.rev AND m.attempts > 0)", "CASE WHEN m.aside THEN 0 ELSE 1 END, m.run_id", limit)
		return err
	})
	return out, err
}
