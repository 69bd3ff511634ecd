package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// ChainError tells where the audit log is broken: the first event that is not
// what was written.
type ChainError struct {
	ID     int64
	Reason string
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("audit log is broken at event %d: %s", e.ID, e.Reason)
}

// EventHash is the hash of an event: "sha256:" and the hex SHA-256 of the
// canonical JSON object of all fields but the hash, with At in microseconds
// since 1970. It covers PrevHash, and so all events before.
func EventHash(e Event) (string, error) {
	detail, err := canonical(e.Detail)
	if err != nil {
		return "", fmt.Errorf("hash event %d: %w", e.ID, err)
	}
	if detail == nil {
		detail = document("null")
	}
	// The fields are in the order of their names: this is the canonical form.
	text, err := encode(struct {
		Action   string          `json:"action"`
		Actor    string          `json:"actor"`
		At       int64           `json:"at"`
		Detail   json.RawMessage `json:"detail"`
		ID       int64           `json:"id"`
		Key      string          `json:"key"`
		PrevHash string          `json:"prev_hash"`
		Reason   string          `json:"reason"`
		Subject  string          `json:"subject"`
	}{clean(e.Action), clean(e.Actor), e.At.UnixMicro(), detail.raw(), e.ID, clean(e.Key), e.PrevHash, clean(e.Reason), clean(e.Subject)})
	if err != nil {
		return "", fmt.Errorf("hash event %d: %w", e.ID, err)
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// VerifyEvents checks the whole chain and returns how many events hold. Of a
// broken chain it names the first bad event in a *ChainError. It can't see that
// a whole new chain was written: keep the hash of the last event elsewhere, and
// compare.
func (c *Catalog) VerifyEvents(ctx context.Context) (count int64, err error) {
	err = c.view(ctx, "verify events", func(t *tx) error {
		count = 0
		var last head
		if _, err := t.get(ctx, &last, "SELECT id, hash FROM event_head WHERE one = 1"); err != nil {
			return err
		}
		rows, err := t.rows(ctx, "SELECT "+eventColumns+" FROM events ORDER BY id")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // rows.Err below tells what matters
		var prev head
		for rows.Next() {
			var row eventRow
			if err := rows.StructScan(&row); err != nil {
				return err
			}
			if err := checkLink(prev, row.event()); err != nil {
				return err
			}
			prev = head{ID: row.ID, Hash: row.Hash}
			count++
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if prev != last {
			return &ChainError{ID: prev.ID + 1, Reason: fmt.Sprintf("the log ends at event %d and its head says %d", prev.ID, last.ID)}
		}
		return nil
	})
	return count, err
}

// checkLink tells whether e is the event after prev.
func checkLink(prev head, e Event) error {
	if e.ID != prev.ID+1 {
		return &ChainError{ID: prev.ID + 1, Reason: fmt.Sprintf("it is missing, event %d comes next", e.ID)}
	}
	if e.PrevHash != prev.Hash {
		return &ChainError{ID: e.ID, Reason: "it does not follow the event before"}
	}
	hash, err := EventHash(e)
	if err != nil {
		return &ChainError{ID: e.ID, Reason: err.Error()}
	}
	if hash != e.Hash {
		return &ChainError{ID: e.ID, Reason: "its fields do not match its hash"}
	}
	return nil
}
