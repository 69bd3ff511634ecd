package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ModelMove is one thing that happened to a model: what the audit log says, with
// the state before and after spelled out.
type ModelMove struct {
	Event   int64     `json:"event"` // id of its event
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Action  string    `json:"action"`
	Reason  string    `json:"reason,omitempty"`
	Model   string    `json:"model"` // its name then
	Version string    `json:"version,omitempty"`
	// From and To are stages, of a move between them.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Replaced is the version that was in production before a promotion.
	Replaced string `json:"replaced,omitempty"`
	// Alias is of a move of an alias; Was is the version it pointed at before.
	Alias string `json:"alias,omitempty"`
	Was   string `json:"was,omitempty"`
	// Key of a tag that was set or taken away.
	Key string `json:"key,omitempty"`
}

// StageHistory lists the events that moved a version of the model between
// stages, registrations included, in order.
func (c *Catalog) StageHistory(ctx context.Context, name string) ([]Event, error) {
	var q query
	q.prefix("subject", ModelSubject(name, ""))
	q.where("action IN (?, ?, ?, ?, ?)", ActionModelRegistered, ActionModelStage, ActionModelPromoted, ActionModelDemoted, ActionModelDeleted)
	return c.events(ctx, q, "id", 0)
}

// ModelHistory lists all that happened to a registered model, in order, under
// its former names too. An unknown name is an ErrNotFound.
func (c *Catalog) ModelHistory(ctx context.Context, name string) ([]ModelMove, error) {
	var moves []ModelMove
	err := c.view(ctx, "read model history", func(t *tx) error {
		moves = nil
		spans, err := t.names(ctx, name)
		if err != nil {
			return err
		}
		for _, span := range spans {
			events, err := t.modelEvents(ctx, span)
			if err != nil {
				return err
			}
			for _, e := range events {
				move, err := asMove(e, span.name)
				if err != nil {
					return err
				}
				moves = append(moves, move)
			}
		}
		if len(moves) == 0 {
			return notFound("model %s", name)
		}
		return nil
	})
	return moves, err
}

// ProductionAt is the version of the model that was in production at a time, or
// ErrNotFound if none was.
func (c *Catalog) ProductionAt(ctx context.Context, name string, when time.Time) (string, error) {
	version := ""
	err := c.view(ctx, "read production", func(t *tx) error {
		version = ""
		spans, err := t.names(ctx, name)
		if err != nil {
			return err
		}
		promoted, in, err := t.lastPromotion(ctx, spans, when)
		if err != nil || in < 0 {
			return err
		}
		version = strings.TrimPrefix(promoted.Subject, ModelSubject(spans[in].name, ""))
		// A version leaves production by the promotion of another, or by one of these.
		for _, s := range spans[in:] {
			var left query
			left.where("id > ? AND id > ? AND id < ? AND at <= ?", promoted.ID, s.after, s.before, stamp(when))
			left.where("((subject = ? AND action IN (?, ?)) OR (subject = ? AND action = ?))", ModelSubject(s.name, version), ActionModelDemoted,
				ActionModelDeleted, RegisteredModelSubject(s.name), ActionRegisteredModelDeleted)
			var gone int64
			if found, err := t.get(ctx, &gone, left.sql("SELECT id FROM events", "id", 1), left.args...); err != nil {
				return err
			} else if found {
				version = ""
			}
		}
		return nil
	})
	if err == nil && version == "" {
		err = notFound("production version of model %s at %s", name, when.UTC().Format(time.RFC3339))
	}
	return version, err
}

// nameSpan is a name that a model had, and the events of that time: after < id < before.
type nameSpan struct {
	name          string
	after, before int64
}

// lastEvent is above the id of every event.
const lastEvent = 1<<63 - 1

// names follows a model's renames back, oldest name first. What another model
// did under the same name before is no part of it.
func (t *tx) names(ctx context.Context, name string) ([]nameSpan, error) {
	span := nameSpan{name: name, before: lastEvent}
	var spans []nameSpan
	for {
		var row eventRow
		found, err := t.get(ctx, &row, "SELECT "+eventColumns+" FROM events WHERE subject = ? AND action IN (?, ?) AND id < ? ORDER BY id DESC LIMIT 1",
			RegisteredModelSubject(span.name), ActionRegisteredModelRenamed, ActionRegisteredModelMoved, span.before)
		if err != nil {
			return nil, err
		}
		renamed := found && row.Action == ActionRegisteredModelRenamed
		span.after = row.ID
		if renamed {
			span.after-- // the rename itself belongs to the new name
		}
		spans = append([]nameSpan{span}, spans...)
		if !renamed {
			return spans, nil
		}
		var detail struct {
			Before struct {
				Name string `json:"name"`
			} `json:"before"`
		}
		if err := json.Unmarshal(row.Detail, &detail); err != nil {
			return nil, fmt.Errorf("read event %d: %w", row.ID, err)
		}
		// The event before the rename says on the old name that the model is gone.
		span = nameSpan{name: detail.Before.Name, before: row.ID - 1}
	}
}

func (s nameSpan) query() query {
	var q query
	q.where("(subject = ? OR (subject >= ? AND subject < ?))", RegisteredModelSubject(s.name), ModelSubject(s.name, ""), ModelSubject(s.name, "")+"\U0010FFFF")
	q.where("id > ? AND id < ?", s.after, s.before)
	return q
}

func (t *tx) modelEvents(ctx context.Context, s nameSpan) ([]Event, error) {
	q := s.query()
	var rows []eventRow
	if err := t.all(ctx, &rows, q.sql("SELECT "+eventColumns+" FROM events", "id", 0), q.args...); err != nil {
		return nil, err
	}
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = r.event()
	}
	return events, nil
}

// lastPromotion is the last promotion up to a time and the span that it was in, -1 for none.
func (t *tx) lastPromotion(ctx context.Context, spans []nameSpan, when time.Time) (eventRow, int, error) {
	for i := len(spans) - 1; i >= 0; i-- {
		q := spans[i].query()
		q.where("action = ?", ActionModelPromoted)
		q.where("at <= ?", stamp(when))
		var promoted eventRow
		found, err := t.get(ctx, &promoted, q.sql("SELECT "+eventColumns+" FROM events", "id DESC", 1), q.args...)
		if err != nil || found {
			return promoted, i, err
		}
	}
	return eventRow{}, -1, nil
}

// asMove reads the details that the history is about.
func asMove(e Event, name string) (ModelMove, error) {
	type state struct {
		Stage   string `json:"stage"`
		Alias   string `json:"alias"`
		Version string `json:"version"`
		Key     string `json:"key"`
		Stable  string `json:"stable"` // of a route
		Model   struct {
			Stage string `json:"stage"`
		} `json:"model"`
	}
	var d struct {
		Before json.RawMessage `json:"before"`
		After  json.RawMessage `json:"after"`
	}
	var before, after state
	// Details of another shape (a route's model is a text) say nothing of what is asked for.
	read := func(raw json.RawMessage, s *state) {
		if json.Unmarshal(raw, s) != nil {
			var route struct {
				Stable string `json:"stable"`
			}
			_ = json.Unmarshal(raw, &route) // not a route either: nothing to tell
			*s = state{Stable: route.Stable}
		}
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return ModelMove{}, fmt.Errorf("read event %d: %w", e.ID, err)
	}
	read(d.Before, &before)
	read(d.After, &after)
	m := ModelMove{Event: e.ID, At: e.At, Actor: e.Actor, Action: e.Action, Reason: e.Reason, Model: name,
		Version: strings.TrimPrefix(strings.TrimPrefix(e.Subject, RegisteredModelSubject(name)), "/")}
	switch e.Action {
	case ActionModelRegistered:
		m.From, m.To = before.Stage, after.Model.Stage
		if m.To == "" {
			m.To = after.Stage
		}
	case ActionModelPromoted:
		m.To, m.Replaced = StageProduction, before.Version
		if before.Version == "" {
			m.Replaced = before.Stable
		}
	case ActionModelStage, ActionModelDemoted:
		m.From, m.To = before.Stage, after.Stage
	case ActionModelDeleted:
		m.From = before.Stage
	case ActionModelAlias, ActionModelUnaliased:
		m.Alias, m.Was = after.Alias, before.Version
	case ActionModelTagged, ActionModelUntagged, ActionRegisteredModelTagged, ActionRegisteredModelUntagged:
		m.Key = after.Key
	}
	return m, nil
}
