package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
)

// Mark travels with a mutation: its idempotency key and who does it and why.
// The mutation's event takes all three. When an event with the key is on
// record, the mutation does nothing and gives back the recorded result.
type Mark struct {
	Key    string
	Actor  string
	Reason string
}

// move is what a mutation did.
type move[T any] struct {
	before any // state before, for the audit log; nil for none
	after  T   // the result
	// subject of the event, where only the mutation itself finds it out.
	subject string
	// unchanged tells that there was nothing to do: no event is written.
	unchanged bool
}

// detail is the shape of a mutation's event detail.
type detail struct {
	Before any `json:"before,omitempty"`
	After  any `json:"after"`
}

// apply runs a mutation and its event in one transaction, after all mutations
// before it and before all after it. A subject that ends in '/' is completed by
// the move.
func apply[T any](ctx context.Context, c *Catalog, m Mark, action, subject string, do func(*tx) (move[T], error)) (T, error) {
	var result T
	if err := required("mark key", m.Key, "mark actor", m.Actor); err != nil {
		return result, fmt.Errorf("%s %s: %w", action, subject, err)
	}
	err := c.update(ctx, action+" "+subject, func(t *tx) error {
		var none T
		result = none
		if err := t.lockHead(ctx); err != nil {
			return err
		}
		event, found, err := t.recorded(ctx, m.Key, action, subject)
		if err != nil {
			return err
		}
		if found {
			if err := json.Unmarshal(event.Detail, &detail{After: &result}); err != nil {
				return fmt.Errorf("read result of event %d: %w", event.ID, err)
			}
			return nil
		}
		done, err := do(t)
		if err != nil {
			return err
		}
		result = done.after
		if done.unchanged {
			return nil
		}
		text, err := canonicalOf(detail{Before: done.before, After: done.after})
		if err != nil {
			return err
		}
		return t.appendEvent(ctx, Event{Key: m.Key, Actor: m.Actor, Action: action, Subject: cmp.Or(done.subject, subject), Reason: m.Reason, Detail: text.raw()})
	})
	return result, err
}
