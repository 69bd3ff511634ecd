package catalog

import (
	"context"
	"time"
)

// Traffic is what one gateway counted for a version at one route revision since
// its last flush. Seq numbers the flushes of a gateway's life, so an ID must not
// be used again by a gateway that counts from 1 again.
type Traffic struct {
	Gateway  string    `db:"gateway" json:"gateway"`
	Seq      int64     `db:"seq" json:"seq"`
	Model    string    `db:"model" json:"model"`
	Version  string    `db:"version" json:"version"`
	RouteRev int64     `db:"route_rev" json:"route_rev"`
	At       time.Time `db:"-" json:"at"`
	OK       int64     `db:"ok" json:"ok"`         // requests answered
	Errors   int64     `db:"errors" json:"errors"` // requests failed
	// Sketch is the mergeable latency sketch; its format is the writer's.
	Sketch []byte `db:"sketch" json:"sketch,omitempty"`
}

type trafficRow struct {
	Traffic
	At stamp `db:"at"`
}

func (r trafficRow) traffic() Traffic {
	r.Traffic.At = r.At.time()
	return r.Traffic
}

// AddTraffic stores counts. A row that is there already is left as it is, so a
// flush may be sent again.
func (c *Catalog) AddTraffic(ctx context.Context, traffic []Traffic) error {
	if len(traffic) == 0 {
		return nil
	}
	return c.update(ctx, "add traffic", func(t *tx) error {
		rows := make([][]any, len(traffic))
		for i, tr := range traffic {
			when := tr.At
			if when.IsZero() {
				when = t.now
			}
			rows[i] = []any{tr.Gateway, tr.Seq, tr.Model, tr.Version, tr.RouteRev, stamp(when), tr.OK, tr.Errors, tr.Sketch}
		}
		return t.insert(ctx, "traffic(gateway, seq, model, version, route_rev, at, ok, errors, sketch)", "ON CONFLICT DO NOTHING", rows...)
	})
}

// Traffic lists the counts of a version at route revisions sinceRev and later, by time.
func (c *Catalog) Traffic(ctx context.Context, model, version string, sinceRev int64) ([]Traffic, error) {
	return list(ctx, c, "list traffic", trafficRow.traffic, `SELECT gateway, seq, model, version, route_rev, at, ok, errors, sketch FROM traffic
		WHERE model = ? AND version = ? AND route_rev >= ? ORDER BY at, gateway, seq, route_rev`, model, version, sinceRev)
}

// PruneTraffic forgets counts from before a time.
func (c *Catalog) PruneTraffic(ctx context.Context, before time.Time) error {
	return c.update(ctx, "prune traffic", func(t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM traffic WHERE at < ?", stamp(before))
		return err
	})
}
