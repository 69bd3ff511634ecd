package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// BatchPart is the output of one shard of a batch plan.
type BatchPart struct {
	Plan   string          `db:"plan"`   // digest
	Shard  int64           `db:"shard"`  // from 0
	Digest string          `db:"digest"` // of the file
	Size   int64           `db:"size"`   // bytes
	Counts json.RawMessage `db:"-"`      // what came of its rows
}

type batchPartRow struct {
	BatchPart
	Counts document `db:"counts"`
}

func (r batchPartRow) part() BatchPart {
	r.BatchPart.Counts = r.Counts.raw()
	return r.BatchPart
}

const selectBatchParts = "SELECT plan, shard, digest, size, counts FROM batch_parts"

// partsKept is how long the parts of a plan that never ended are remembered.
const partsKept = 30 * 24 * time.Hour

// SaveBatchPart puts the output of a shard on record, after its file is stored,
// in the place of one that was there.
func (c *Catalog) SaveBatchPart(ctx context.Context, p BatchPart) error {
	if err := required("plan", p.Plan, "digest", p.Digest); err != nil {
		return fmt.Errorf("save batch part: %w", err)
	}
	counts, err := canonical(p.Counts)
	if err != nil {
		return fmt.Errorf("save batch part: %w", err)
	}
	return c.update(ctx, "save batch part", func(t *tx) error {
		return t.insert(ctx, "batch_parts(plan, shard, digest, size, counts, at)",
			"ON CONFLICT (plan, shard) DO UPDATE SET digest = excluded.digest, size = excluded.size, counts = excluded.counts, at = excluded.at",
			[]any{p.Plan, p.Shard, p.Digest, p.Size, counts, stamp(t.now)})
	})
}

// BatchPart is the output of one shard, or ErrNotFound.
func (c *Catalog) BatchPart(ctx context.Context, plan string, shard int64) (BatchPart, error) {
	var row batchPartRow
	err := c.view(ctx, "read batch part", func(t *tx) error {
		found, err := t.get(ctx, &row, selectBatchParts+" WHERE plan = ? AND shard = ?", plan, shard)
		if err == nil && !found {
			err = notFound("shard %d of batch plan %s", shard, plan)
		}
		return err
	})
	return row.part(), err
}

// BatchParts lists the shards of a plan that are done, in their order.
func (c *Catalog) BatchParts(ctx context.Context, plan string) ([]BatchPart, error) {
	return list(ctx, c, "list batch parts", batchPartRow.part, selectBatchParts+" WHERE plan = ? ORDER BY shard", plan)
}

// BatchResult is the output of a whole plan.
type BatchResult struct {
	Plan   string          `db:"plan"`
	Digest string          `db:"digest"` // of the data version
	Batch  string          `db:"batch"`  // key of the batch that made it
	Counts json.RawMessage `db:"-"`
}

type batchResultRow struct {
	BatchResult
	Counts document `db:"counts"`
}

// SaveBatchResult puts the output of a plan on record and forgets its parts, and
// those of plans that nobody has worked on for a month.
func (c *Catalog) SaveBatchResult(ctx context.Context, r BatchResult) error {
	if err := required("plan", r.Plan, "digest", r.Digest); err != nil {
		return fmt.Errorf("save batch result: %w", err)
	}
	counts, err := canonical(r.Counts)
	if err != nil {
		return fmt.Errorf("save batch result: %w", err)
	}
	return c.update(ctx, "save batch result", func(t *tx) error {
		if _, err := t.mustData(ctx, r.Digest); err != nil {
			return err
		}
		if err := t.insert(ctx, "batch_results(plan, digest, batch, counts, at)",
			"ON CONFLICT (plan) DO UPDATE SET digest = excluded.digest, batch = excluded.batch, counts = excluded.counts, at = excluded.at",
			[]any{r.Plan, r.Digest, r.Batch, counts, stamp(t.now)}); err != nil {
			return err
		}
		_, err := t.exec(ctx, "DELETE FROM batch_parts WHERE plan = ? OR at < ?", r.Plan, stamp(t.now.Add(-partsKept)))
		return err
	})
}

// BatchResult is the output of a plan, or ErrNotFound. Its data version may have been deleted since.
func (c *Catalog) BatchResult(ctx context.Context, plan string) (BatchResult, error) {
	var row batchResultRow
	err := c.view(ctx, "read batch result", func(t *tx) error {
		found, err := t.get(ctx, &row, "SELECT plan, digest, batch, counts FROM batch_results WHERE plan = ?", plan)
		if err == nil && !found {
			err = notFound("result of batch plan %s", plan)
		}
		return err
	})
	row.BatchResult.Counts = row.Counts.raw()
	return row.BatchResult, err
}
