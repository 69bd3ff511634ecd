package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// MirrorRun is how far a run is with the mirror.
type MirrorRun struct {
	Run  string `db:"uid" json:"run"`
	Rev  int64  `db:"rev" json:"rev"`   // counts the changes of the run
	Done int64  `db:"done" json:"done"` // the revision that the other server has
	// Turn counts the beginnings and ends of attempts. Of two that overlap only the one that began last is
	// noted, and none begins with what was read before another was noted.
	Turn int64 `db:"turn" json:"-"`
	// Unsure tells that an attempt began of which it is not known what arrived.
	Unsure bool `db:"unsure" json:"-"`
	// Aside tells that it was given up; RetryMirrorRuns takes it up again.
	Aside    bool  `db:"aside" json:"aside,omitempty"`
	Attempts int64 `db:"attempts" json:"attempts,omitempty"` // failed ones since the last that went well
	Refused  int64 `db:"refused" json:"refused,omitempty"`   // items that the other server did not take
	// DueAt is when the next attempt is made.
	DueAt time.Time `db:"-" json:"due_at"`
	// Remote is the run's id there; empty: not known yet.
	Remote string `db:"remote" json:"remote,omitempty"`
	// Sent is for package mirror: what is there, and what was refused.
	Sent       json.RawMessage `db:"-" json:"sent,omitempty"`
	LastError  string          `db:"last_error" json:"last_error,omitempty"`
	MirroredAt time.Time       `db:"-" json:"mirrored_at,omitzero"` // the last attempt that went well
}

type mirrorRunRow struct {
	MirrorRun
	DueAt      stamp    `db:"due_at"`
	Sent       document `db:"sent"`
	MirroredAt stamp    `db:"mirrored_at"`
}

func (t *tx) mirrorRuns(ctx context.Context, condition, order string, limit int, args ...any) ([]MirrorRun, error) {
	var rows []mirrorRunRow
	if err := t.all(ctx, &rows, `SELECT r.uid, m.rev, m.done, m.turn, m.unsure, m.aside, m.attempts, m.refused, m.due_at, m.remote, m.sent, m.last_error, m.mirrored_at
		FROM mirror_runs m JOIN runs r ON r.id = m.run_id WHERE `+condition+" ORDER BY "+order+fmt.Sprintf(" LIMIT %d", limit), args...); err != nil {
		return nil, err
	}
	out := make([]MirrorRun, len(rows))
	for i, row := range rows {
		out[i] = row.MirrorRun
		out[i].DueAt, out[i].Sent, out[i].MirroredAt = row.DueAt.time(), row.Sent.raw(), row.MirroredAt.time()
	}
	return out, nil
}

// DueMirrorRuns lists runs of which something is to be sent, those that have
// waited longest first. Without a mirror there are none.
func (c *Catalog) DueMirrorRuns(ctx context.Context, now time.Time, limit int) ([]MirrorRun, error) {
	var out []MirrorRun
	err := c.view(ctx, "list runs to mirror", func(t *tx) (err error) {
		out, err = t.mirrorRuns(ctx, "m.done < m.rev AND NOT m.aside AND m.due_at <= ?", "m.due_at, m.run_id", limit, stamp(now))
		return err
	})
	return out, err
}

// mirrorOf selects the row of a run's attempt.
const mirrorOf = " WHERE turn = ? AND run_id = (SELECT id FROM runs WHERE uid = ?)"

// TakeMirrorRun begins an attempt, if nobody else has since r was read: it is then
// not known what the other server has until NoteMirrorRun. It returns r with its turn.
func (c *Catalog) TakeMirrorRun(ctx context.Context, r MirrorRun) (_ MirrorRun, taken bool, err error) {
	err = c.update(ctx, "mirror run "+r.Run, func(t *tx) error {
		n, err := t.exec(ctx, "UPDATE mirror_runs SET turn = turn + 1, unsure = TRUE"+mirrorOf, r.Turn, r.Run)
		taken = n > 0
		return err
	})
	r.Turn++
	return r, taken, err
}

// NoteMirrorRun puts on record how the attempt went that took r's turn; noted is
// false if another began since. Of r it takes all but Run, Rev and Turn.
func (c *Catalog) NoteMirrorRun(ctx context.Context, r MirrorRun) (noted bool, err error) {
	err = c.update(ctx, "note mirrored run "+r.Run, func(t *tx) error {
		n, err := t.exec(ctx, `UPDATE mirror_runs SET turn = turn + 1, done = ?, unsure = ?, aside = ?, attempts = ?, refused = ?, due_at = ?, remote = ?, sent = ?, last_error = ?, mirrored_at = ?`+mirrorOf,
			r.Done, r.Unsure, r.Aside, r.Attempts, r.Refused, stamp(r.DueAt), r.Remote, document(r.Sent), r.LastError, stamp(r.MirroredAt), r.Turn, r.Run)
		noted = n > 0
		return err
	})
	return noted, err
}

// RetryMirrorRuns takes up again what was set aside or refused, of one run or,
// without a uid, of all, at once. It returns how many runs that are.
func (c *Catalog) RetryMirrorRuns(ctx context.Context, uid string) (n int64, err error) {
	err = c.update(ctx, "retry mirrored runs", func(t *tx) error {
		which, args := "", []any{stamp(t.now)}
		if uid != "" {
			row, err := t.run(ctx, uid)
			if err != nil {
				return err
			}
			which, args = " AND run_id = ?", append(args, row.ID)
		}
		// What was refused is in sent: without it everything is compared anew.
		var err error
		n, err = t.exec(ctx, `UPDATE mirror_runs SET rev = rev + 1, unsure = TRUE, aside = FALSE, attempts = 0, refused = 0, due_at = ?, sent = '', turn = turn + 1
			WHERE (aside OR refused > 0 OR (done < rev AND attempts > 0))`+which, args...)
		return err
	})
	return n, err
}
