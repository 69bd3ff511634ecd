package catalog

import (
	"context"
	"encoding/json"
	"fmt"
)

// gateState is what the catalog reads of a gate's report.
type gateState struct {
	Gate  string `json:"gate"`
	State string `json:"state"`
}

// NoteGate puts a gate's report in the release's Gates, in place of the gate's
// last one, and writes the event "gate.<state>". The report is a JSON object
// with "gate", which must equal gate, and "state".
func (c *Catalog) NoteGate(ctx context.Context, model, version, run, gate string, report json.RawMessage, m Mark) error {
	var state gateState
	if err := json.Unmarshal(report, &state); err != nil {
		return fmt.Errorf("note gate %s: %w", gate, invalid("its report is not a JSON object (%v)", err))
	}
	if gate == "" || state.Gate != gate || state.State == "" {
		return fmt.Errorf("note gate %q: %w", gate, invalid("its report names gate %q and state %q", state.Gate, state.State))
	}
	_, err := apply(ctx, c, m, ActionGate+"."+state.State, ReleaseSubject(model, version), func(t *tx) (move[json.RawMessage], error) {
		release, err := t.mustAttempt(ctx, model, version, run)
		if err != nil {
			return move[json.RawMessage]{}, err
		}
		gates, err := putGate(release.Gates, gate, report)
		if err != nil {
			return move[json.RawMessage]{}, err
		}
		_, err = t.exec(ctx, "UPDATE releases SET gates = ?, updated_at = ? WHERE model = ? AND version = ? AND run = ?",
			gates, stamp(t.now), model, version, run)
		return move[json.RawMessage]{after: report}, err
	})
	return err
}

// putGate replaces the report of a gate in an array of reports, or appends it.
func putGate(gates json.RawMessage, gate string, report json.RawMessage) (document, error) {
	var reports []json.RawMessage
	if err := json.Unmarshal(gates, &reports); err != nil {
		return nil, fmt.Errorf("read gates: %w", err)
	}
	for i, old := range reports {
		var state gateState
		if err := json.Unmarshal(old, &state); err != nil {
			return nil, fmt.Errorf("read gates: %w", err)
		}
		if state.Gate == gate {
			reports[i] = report
			return canonicalOf(reports)
		}
	}
	return canonicalOf(append(reports, report))
}
