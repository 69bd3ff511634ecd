package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Event is one entry of the audit log.
type Event struct {
	// ID counts from 1 without gaps; it is the order of events. At is the clock
	// of the host that wrote the event, or the time its writer gave.
	ID  int64     `db:"id" json:"id"`
	Key string    `db:"key" json:"key"` // idempotency key, unique
	At  time.Time `db:"-" json:"at"`
	// Actor is who did it, Action what, Subject on what (see the Subject functions), Reason why.
	Actor   string `db:"actor" json:"actor"`
	Action  string `db:"action" json:"action"`
	Subject string `db:"subject" json:"subject"`
	Reason  string `db:"reason" json:"reason"`
	// Detail is any JSON in canonical form. Mutations have {"before": …, "after": …}.
	Detail   json.RawMessage `db:"-" json:"detail,omitempty"`
	PrevHash string          `db:"prev_hash" json:"prev_hash"` // Hash of the event before; empty for the first
	Hash     string          `db:"hash" json:"hash"`           // see EventHash
}

// EventFilter selects events. Zero fields select all.
type EventFilter struct {
	Subject       string // exact
	SubjectPrefix string
	Action        string    // exact
	Since         time.Time // inclusive
	Until         time.Time // exclusive
	AfterID       int64     // for paging
	Limit         int
}

const eventColumns = "id, key, at, actor, action, subject, reason, detail, prev_hash, hash"

type eventRow struct {
	Event
	At     stamp    `db:"at"`
	Detail document `db:"detail"`
}

func (r eventRow) event() Event {
	r.Event.At, r.Event.Detail = r.At.time(), r.Detail.raw()
	return r.Event
}

// head is the last event's id and hash.
type head struct {
	ID   int64  `db:"id"`
	Hash string `db:"hash"`
}

// Record appends an event. ID, PrevHash and Hash are set here; a zero At becomes
// now. If an event with the key is on record, existed is true and nothing is
// written; a key on record for another action or subject is an ErrConflict.
func (c *Catalog) Record(ctx context.Context, e Event) (existed bool, err error) {
	if err := required("event key", e.Key, "event actor", e.Actor, "event action", e.Action, "event subject", e.Subject); err != nil {
		return false, fmt.Errorf("record event: %w", err)
	}
	err = c.update(ctx, "record event "+e.Key, func(t *tx) error {
		if err := t.lockHead(ctx); err != nil {
			return err
		}
		var err error
		if _, existed, err = t.recorded(ctx, e.Key, e.Action, e.Subject); err != nil || existed {
			return err
		}
		return t.appendEvent(ctx, e)
	})
	return existed, err
}

// Events lists events in order.
func (c *Catalog) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	var q query
	if f.Subject != "" {
		q.where("subject = ?", f.Subject)
	}
	if f.SubjectPrefix != "" {
		q.prefix("subject", f.SubjectPrefix)
	}
	if f.Action != "" {
		q.where("action = ?", f.Action)
	}
	if !f.Since.IsZero() {
		q.where("at >= ?", stamp(f.Since))
	}
	if !f.Until.IsZero() {
		q.where("at < ?", stamp(f.Until))
	}
	if f.AfterID > 0 {
		q.where("id > ?", f.AfterID)
	}
	return c.events(ctx, q, "id", f.Limit)
}

func (c *Catalog) events(ctx context.Context, q query, order string, limit int) ([]Event, error) {
	return list(ctx, c, "list events", eventRow.event, q.sql("SELECT "+eventColumns+" FROM events", order, limit), q.args...)
}

// lockHead keeps other mutations out until the transaction ends.
func (t *tx) lockHead(ctx context.Context) error {
	found, err := t.get(ctx, &t.head, "SELECT id, hash FROM event_head WHERE one = 1"+t.dialect.lockRow)
	if err == nil && !found {
		return fmt.Errorf("the head of the event chain is missing: the catalog is damaged, restore it from a backup")
	}
	return err
}

// recorded finds the event with a key. A key stands for one act only. A subject
// that ends in '/' stands for all that begin with it.
func (t *tx) recorded(ctx context.Context, key, action, subject string) (Event, bool, error) {
	var row eventRow
	found, err := t.get(ctx, &row, "SELECT "+eventColumns+" FROM events WHERE key = ?", key)
	if err != nil || !found {
		return Event{}, false, err
	}
	same := row.Subject == clean(subject) || strings.HasSuffix(subject, "/") && strings.HasPrefix(row.Subject, clean(subject))
	if row.Action != clean(action) || !same {
		return Event{}, false, conflict("key %q is on record for %s on %s and can't stand for %s on %s", key, row.Action, row.Subject, action, subject)
	}
	return row.event(), true, nil
}

// appendEvent adds e to the chain; the caller has locked the head.
func (t *tx) appendEvent(ctx context.Context, e Event) error {
	if e.At.IsZero() {
		e.At = t.now
	}
	detail, err := canonical(e.Detail)
	if err != nil {
		return fmt.Errorf("event detail: %w", err)
	}
	e.ID, e.PrevHash, e.Detail = t.head.ID+1, t.head.Hash, detail.raw()
	if e.Hash, err = EventHash(e); err != nil {
		return err
	}
	if err := t.insert(ctx, "events("+eventColumns+")", "",
		[]any{e.ID, e.Key, stamp(e.At), e.Actor, e.Action, e.Subject, e.Reason, detail, e.PrevHash, e.Hash}); err != nil {
		return err
	}
	t.head = head{ID: e.ID, Hash: e.Hash}
	_, err = t.exec(ctx, "UPDATE event_head SET id = ?, hash = ? WHERE one = 1", e.ID, e.Hash)
	return err
}
