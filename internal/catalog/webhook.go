package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// MaxWebhooks bounds how many webhooks there are: each is told of every event on its own.
const MaxWebhooks = 100

// Webhook is told of registry events by HTTP. The secret is never part of its JSON.
type Webhook struct {
	ID          string `db:"id" json:"id"`
	Name        string `db:"name" json:"name"`
	Description string `db:"description" json:"description,omitempty"`
	URL         string `db:"url" json:"url"`
	// Events are names such as "model_version.created".
	Events []string `db:"-" json:"events"`
	// Secret signs deliveries; if it is Sealed a keeper has encrypted it.
	Secret    []byte    `db:"secret" json:"-"`
	Sealed    bool      `db:"sealed" json:"-"`
	Active    bool      `db:"active" json:"active"`
	CreatedBy string    `db:"created_by" json:"created_by"`
	CreatedAt time.Time `db:"-" json:"created_at"`
	UpdatedAt time.Time `db:"-" json:"updated_at"`
	Progress  Progress  `db:"-" json:"progress,omitzero"`
}

// Progress is how far the deliveries of a webhook are.
type Progress struct {
	// Cursor is the last event that was delivered, or that the webhook was not to be told of.
	Cursor    int64 `db:"cursor" json:"cursor"`
	Delivered int64 `db:"delivered" json:"delivered"`
	// Attempts counts the failed ones at what comes after Cursor; RetryAt is when the next one is due.
	Attempts int64     `db:"attempts" json:"attempts,omitempty"`
	RetryAt  time.Time `db:"-" json:"retry_at,omitzero"`
	// LastStatus is the HTTP status of the last attempt, 0 for no answer.
	LastStatus int       `db:"last_status" json:"last_status,omitempty"`
	LastError  string    `db:"last_error" json:"last_error,omitempty"`
	LastAt     time.Time `db:"-" json:"last_at,omitzero"`
}

const webhookColumns = "id, name, description, url, events, secret, sealed, active, cursor, delivered, attempts, retry_at, last_status, last_error, last_at, created_by, created_at, updated_at"

type webhookRow struct {
	Webhook
	Progress
	Events    document `db:"events"`
	RetryAt   stamp    `db:"retry_at"`
	LastAt    stamp    `db:"last_at"`
	CreatedAt stamp    `db:"created_at"`
	UpdatedAt stamp    `db:"updated_at"`
}

func (r webhookRow) webhook() (Webhook, error) {
	w := r.Webhook
	w.Progress = r.Progress
	w.Progress.RetryAt, w.Progress.LastAt = r.RetryAt.time(), r.LastAt.time()
	w.CreatedAt, w.UpdatedAt = r.CreatedAt.time(), r.UpdatedAt.time()
	if err := json.Unmarshal(r.Events, &w.Events); err != nil {
		return Webhook{}, fmt.Errorf("read events of webhook %s: %w", w.ID, err)
	}
	return w, nil
}

// WebhookChange says what of a webhook changes; nil leaves it.
type WebhookChange struct {
	Name        *string
	Description *string
	URL         *string
	Events      []string
	Secret      []byte
	Sealed      bool // of Secret
	Active      *bool
}

// CreateWebhook adds a webhook. It is told of what happens from now on.
func (c *Catalog) CreateWebhook(ctx context.Context, w Webhook, m Mark) (Webhook, error) {
	if err := required("webhook id", w.ID, "webhook name", w.Name, "webhook url", w.URL); err != nil {
		return Webhook{}, fmt.Errorf("create webhook: %w", err)
	}
	return apply(ctx, c, m, ActionWebhookCreated, WebhookSubject(w.ID), func(t *tx) (move[Webhook], error) {
		var n int64
		if _, err := t.get(ctx, &n, "SELECT COUNT(*) FROM webhooks"); err != nil {
			return move[Webhook]{}, err
		}
		if n >= MaxWebhooks {
			return move[Webhook]{}, conflict("there are %d webhooks: delete one first", n)
		}
		events, err := canonicalOf(w.Events)
		if err != nil {
			return move[Webhook]{}, err
		}
		if err := t.insert(ctx, "webhooks("+webhookColumns+")", "",
			[]any{w.ID, w.Name, w.Description, w.URL, events, w.Secret, w.Sealed, w.Active, t.head.ID, 0, 0, nil, 0, "", nil, m.Actor, stamp(t.now), stamp(t.now)}); err != nil {
			return move[Webhook]{}, err
		}
		now, err := t.mustWebhook(ctx, w.ID)
		return move[Webhook]{after: now}, err
	})
}

// ChangeWebhook changes a webhook. One that was not active and now is starts at
// what happens from now on; another address is tried at once.
func (c *Catalog) ChangeWebhook(ctx context.Context, id string, change WebhookChange, m Mark) (Webhook, error) {
	return apply(ctx, c, m, ActionWebhookUpdated, WebhookSubject(id), func(t *tx) (move[Webhook], error) {
		old, err := t.mustWebhook(ctx, id)
		if err != nil {
			return move[Webhook]{}, err
		}
		w := old
		w.Name, w.Description, w.URL, w.Active = or(change.Name, old.Name), or(change.Description, old.Description), or(change.URL, old.URL), or(change.Active, old.Active)
		if change.Events != nil {
			w.Events = change.Events
		}
		if change.Secret != nil {
			w.Secret, w.Sealed = change.Secret, change.Sealed
		}
		switch {
		case w.Active && !old.Active:
			w.Progress = Progress{Cursor: t.head.ID, Delivered: old.Progress.Delivered}
		case w.URL != old.URL || change.Secret != nil:
			w.Progress.Attempts, w.Progress.RetryAt = 0, time.Time{}
		}
		events, err := canonicalOf(w.Events)
		if err != nil {
			return move[Webhook]{}, err
		}
		if _, err := t.exec(ctx, `UPDATE webhooks SET name = ?, description = ?, url = ?, events = ?, secret = ?, sealed = ?, active = ?,
			cursor = CASE WHEN ? THEN ? ELSE cursor END, attempts = ?, retry_at = ?, last_error = ?, updated_at = ? WHERE id = ?`,
			w.Name, w.Description, w.URL, events, w.Secret, w.Sealed, w.Active,
			// A delivery may move the cursor at the same moment: only a new start sets it.
			w.Active && !old.Active, w.Progress.Cursor, w.Progress.Attempts, stamp(w.Progress.RetryAt), w.Progress.LastError, stamp(t.now), id); err != nil {
			return move[Webhook]{}, err
		}
		now, err := t.mustWebhook(ctx, id)
		return move[Webhook]{before: old, after: now}, err
	})
}

// DeleteWebhook takes a webhook away, secret and all.
func (c *Catalog) DeleteWebhook(ctx context.Context, id string, m Mark) error {
	_, err := apply(ctx, c, m, ActionWebhookDeleted, WebhookSubject(id), func(t *tx) (move[Webhook], error) {
		old, err := t.mustWebhook(ctx, id)
		if err != nil {
			return move[Webhook]{}, err
		}
		_, err = t.exec(ctx, "DELETE FROM webhooks WHERE id = ?", id)
		return move[Webhook]{before: old}, err
	})
	return err
}

// Webhooks lists all webhooks, newest first.
func (c *Catalog) Webhooks(ctx context.Context) ([]Webhook, error) {
	var found []Webhook
	err := c.view(ctx, "list webhooks", func(t *tx) error {
		var err error
		found, err = t.webhooks(ctx, query{})
		return err
	})
	return found, err
}

// Webhook is one webhook, or ErrNotFound.
func (c *Catalog) Webhook(ctx context.Context, id string) (Webhook, error) {
	var w Webhook
	err := c.view(ctx, "read webhook", func(t *tx) error {
		var err error
		w, err = t.mustWebhook(ctx, id)
		return err
	})
	return w, err
}

func (t *tx) mustWebhook(ctx context.Context, id string) (Webhook, error) {
	var q query
	q.where("id = ?", id)
	found, err := t.webhooks(ctx, q)
	if err == nil && len(found) == 0 {
		err = notFound("webhook %s", id)
	}
	if err != nil {
		return Webhook{}, err
	}
	return found[0], nil
}

func (t *tx) webhooks(ctx context.Context, q query) ([]Webhook, error) {
	var rows []webhookRow
	if err := t.all(ctx, &rows, q.sql("SELECT "+webhookColumns+" FROM webhooks", "created_at DESC, id", 0), q.args...); err != nil {
		return nil, err
	}
	var found []Webhook
	for _, r := range rows {
		w, err := r.webhook()
		if err != nil {
			return nil, err
		}
		found = append(found, w)
	}
	return found, nil
}

// NoteDelivery puts on record how a delivery went, if the webhook is still where
// the one who delivered saw it: at the cursor from. Moved is false if it is not,
// because another delivered meanwhile or the webhook was changed.
func (c *Catalog) NoteDelivery(ctx context.Context, id string, from int64, p Progress) (moved bool, err error) {
	err = c.update(ctx, "note delivery to webhook "+id, func(t *tx) error {
		n, err := t.exec(ctx, `UPDATE webhooks SET cursor = ?, delivered = ?, attempts = ?, retry_at = ?, last_status = ?, last_error = ?, last_at = ?
			WHERE id = ? AND cursor = ? AND active`,
			p.Cursor, p.Delivered, p.Attempts, stamp(p.RetryAt), p.LastStatus, p.LastError, stamp(p.LastAt), id, from)
		moved = n > 0
		return err
	})
	return moved, err
}

// LastEvent is the id of the last event, 0 before the first.
func (c *Catalog) LastEvent(ctx context.Context) (id int64, err error) {
	err = c.view(ctx, "read the last event", func(t *tx) error {
		_, err := t.get(ctx, &id, "SELECT id FROM event_head WHERE one = 1")
		return err
	})
	return id, err
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
