package catalog

import (
	"context"
	"fmt"
	"time"
)

// Segment is a stored piece of the prediction log: rows of one version, seen by
// one gateway from From to To.
type Segment struct {
	Gateway string    `db:"gateway" json:"gateway"`
	Seq     int64     `db:"seq" json:"seq"` // numbers the segments of a gateway
	Model   string    `db:"model" json:"model"`
	Version string    `db:"version" json:"version"`
	From    time.Time `db:"-" json:"from"`
	To      time.Time `db:"-" json:"to"`
	Rows    int64     `db:"row_count" json:"rows"`
	Digest  string    `db:"digest" json:"digest"`
}

type segmentRow struct {
	Segment
	From stamp `db:"from_at"`
	To   stamp `db:"to_at"`
}

func (r segmentRow) segment() Segment {
	r.Segment.From, r.Segment.To = r.From.time(), r.To.time()
	return r.Segment
}

// AddSegment puts a segment on record, after its blob is stored. One that is
// there already is left as it is.
func (c *Catalog) AddSegment(ctx context.Context, s Segment) error {
	if err := required("gateway", s.Gateway, "model", s.Model, "version", s.Version, "digest", s.Digest); err != nil {
		return fmt.Errorf("add segment: %w", err)
	}
	if s.From.IsZero() || s.To.Before(s.From) || s.Rows < 0 {
		return fmt.Errorf("add segment: %w", invalid("%d rows from %s to %s", s.Rows, s.From, s.To))
	}
	return c.update(ctx, "add segment", func(t *tx) error {
		return t.insert(ctx, "segments(gateway, seq, model, version, from_at, to_at, row_count, digest)", "ON CONFLICT DO NOTHING",
			[]any{s.Gateway, s.Seq, s.Model, s.Version, stamp(s.From), stamp(s.To), s.Rows, s.Digest})
	})
}

// Segments lists the segments of a version that begin before until, newest
// first, as many as are needed to cover minRows rows; all if minRows is 0 or
// less. A segment that reaches past until is among them, but its rows do not
// count: the caller can't use all of them.
func (c *Catalog) Segments(ctx context.Context, model, version string, until time.Time, minRows int64) ([]Segment, error) {
	var segments []Segment
	err := c.view(ctx, "list segments", func(t *tx) error {
		rows, err := t.rows(ctx, `SELECT gateway, seq, model, version, from_at, to_at, row_count, digest FROM segments
			WHERE model = ? AND version = ? AND from_at < ? ORDER BY to_at DESC, gateway, seq DESC`, model, version, stamp(until))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // rows.Err below tells what matters
		var covered int64
		segments = []Segment{}
		for (minRows <= 0 || covered < minRows) && rows.Next() {
			var row segmentRow
			if err := rows.StructScan(&row); err != nil {
				return err
			}
			segment := row.segment()
			if !segment.To.After(until) {
				covered += segment.Rows
			}
			segments = append(segments, segment)
		}
		return rows.Err()
	})
	return segments, err
}
