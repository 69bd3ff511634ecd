package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/batch"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// maxMissing bounds the shards that one Finish asks for again.
const maxMissing = 1000

// Keep puts off the collection of a batch's plan and of the outputs that are there.
func (b *Batch) Keep(ctx context.Context, in contract.KeepBatchInput) (contract.Empty, error) {
	report, stop := beating(ctx)
	defer stop()
	if _, err := b.plan(ctx, in.Plan); err != nil {
		return contract.Empty{}, err
	}
	parts, err := b.Library.Catalog().BatchParts(ctx, in.Plan)
	if err != nil {
		return contract.Empty{}, err
	}
	for i, p := range parts {
		report(i, len(parts), "keep")
		if _, err := b.Library.HasFile(ctx, artifacts.Digest(p.Digest)); err != nil {
			return contract.Empty{}, err
		}
	}
	return contract.Empty{}, nil
}

// Finish makes the outputs of all shards one data version, with what it was made
// from on record. Shards whose output is gone are named instead.
func (b *Batch) Finish(ctx context.Context, in contract.FinishBatchInput) (contract.FinishBatchOutput, error) {
	_, stop := beating(ctx)
	defer stop()
	if done, found, err := b.finished(ctx, in); err != nil || found {
		return done, err
	}
	plan, err := b.plan(ctx, in.Plan)
	if err != nil {
		return contract.FinishBatchOutput{}, err
	}
	entries, counts, missing, err := b.parts(ctx, in.Plan, plan.Shards())
	if err != nil || len(missing) > 0 {
		return contract.FinishBatchOutput{Missing: missing}, err
	}
	name := fmt.Sprintf("predictions of %s %s on %s@%d by %s", plan.Model.Name, plan.Model.Version, in.Data.Name, in.Data.Version, in.Key.ID)
	if in.Description != "" {
		name = in.Description + " (" + name + ")"
	}
	saved, existed, err := b.Library.AddVersion(ctx, dataversion.NewVersion{Name: in.Output, Description: name}, entries, batchMark(in.Key, "finish", in.RequestedBy, name))
	if err != nil {
		return contract.FinishBatchOutput{}, err
	}
	c := b.Library.Catalog()
	if err := c.LinkData(ctx, saved.Digest, "", in.Key.String()); err != nil {
		return contract.FinishBatchOutput{}, err
	}
	out := contract.FinishBatchOutput{Output: versionOf(saved), Existed: existed, Rows: counts.Rows, Refused: counts.Refused}
	if b.Runs != nil {
		if err := b.Runs.batch(ctx, in, plan, out); err != nil {
			return out, err
		}
	}
	text, err := json.Marshal(counts)
	if err != nil {
		return out, fmt.Errorf("encode counts: %w", err)
	}
	if err := c.SaveBatchResult(ctx, catalog.BatchResult{Plan: in.Plan, Digest: saved.Digest, Batch: in.Key.String(), Counts: text}); err != nil {
		return out, err
	}
	return out, b.Models.Release(plan.Model) // where the shards were done here; elsewhere they are given up when nobody comes for them
}

// finished finds what an earlier try of this batch, or an equal batch at the same time, has made.
func (b *Batch) finished(ctx context.Context, in contract.FinishBatchInput) (contract.FinishBatchOutput, bool, error) {
	c := b.Library.Catalog()
	result, err := c.BatchResult(ctx, in.Plan)
	if errors.Is(err, catalog.ErrNotFound) {
		return contract.FinishBatchOutput{}, false, nil
	}
	if err != nil {
		return contract.FinishBatchOutput{}, false, err
	}
	found, err := c.Data(ctx, result.Digest)
	if err != nil || !found.DeletedAt.IsZero() {
		return contract.FinishBatchOutput{}, false, err
	}
	var counts batch.Counts
	if err := json.Unmarshal(result.Counts, &counts); err != nil {
		return contract.FinishBatchOutput{}, false, fmt.Errorf("counts of batch plan %s: %w", in.Plan, err)
	}
	return contract.FinishBatchOutput{
		Output: versionOf(found), Existed: result.Batch != in.Key.String(), Rows: counts.Rows, Refused: counts.Refused,
	}, true, nil
}

// parts are the files of all shards, or the shards that have none.
func (b *Batch) parts(ctx context.Context, plan string, shards int) (entries []artifacts.Entry, counts batch.Counts, missing []int, err error) {
	parts, err := b.Library.Catalog().BatchParts(ctx, plan)
	if err != nil {
		return nil, counts, nil, err
	}
	done := make(map[int]catalog.BatchPart, len(parts))
	for _, p := range parts {
		done[int(p.Shard)] = p
	}
	for shard := range shards {
		p, there := done[shard]
		if there {
			if there, err = b.Library.HasFile(ctx, artifacts.Digest(p.Digest)); err != nil {
				return nil, counts, nil, err
			}
		}
		if !there {
			if missing = append(missing, shard); len(missing) == maxMissing {
				break
			}
			continue
		}
		var of batch.Counts
		if err := json.Unmarshal(p.Counts, &of); err != nil {
			return nil, counts, nil, fmt.Errorf("counts of shard %d: %w", shard, err)
		}
		counts.Rows += of.Rows
		counts.Refused += of.Refused
		entries = append(entries, artifacts.Entry{Path: batch.PartName(shard), Digest: artifacts.Digest(p.Digest), Size: p.Size})
	}
	return entries, counts, missing, nil
}
