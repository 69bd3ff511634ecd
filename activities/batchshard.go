package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/batch"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
)

// Shard predicts the rows of one shard and stores them. One that is stored
// already, by an earlier try or by an equal batch, is not computed again.
func (b *Batch) Shard(ctx context.Context, in contract.ShardInput) (contract.ShardOutput, error) {
	report, stop := beating(ctx)
	defer stop()
	began := time.Now()
	counts, existed, err := b.stored(ctx, in)
	if err == nil && !existed {
		counts, err = b.predict(ctx, in, report)
	}
	if err == nil && counts.Refused > in.MaxRefusedRows {
		err = batch.TooMany(counts.Refused, in.MaxRefusedRows, counts.Refusals)
	}
	out := contract.ShardOutput{Rows: counts.Rows, Refused: counts.Refused, Existed: existed, Seconds: time.Since(began).Seconds()}
	for _, r := range counts.Refusals {
		out.Refusals = append(out.Refusals, contract.Refusal(r))
	}
	return out, batchError(ctx, err)
}

// stored finds the output of a shard that is done, and keeps it.
func (b *Batch) stored(ctx context.Context, in contract.ShardInput) (batch.Counts, bool, error) {
	part, err := b.Library.Catalog().BatchPart(ctx, in.Plan, int64(in.Shard))
	if errors.Is(err, catalog.ErrNotFound) {
		return batch.Counts{}, false, nil
	}
	if err != nil {
		return batch.Counts{}, false, err
	}
	there, err := b.Library.HasFile(ctx, artifacts.Digest(part.Digest))
	if err != nil || !there {
		return batch.Counts{}, false, err
	}
	var counts batch.Counts
	if err := json.Unmarshal(part.Counts, &counts); err != nil {
		return counts, false, fmt.Errorf("counts of shard %d: %w", in.Shard, err)
	}
	return counts, true, nil
}

func (b *Batch) predict(ctx context.Context, in contract.ShardInput, report func(done, total int, at string)) (counts batch.Counts, err error) {
	plan, err := b.plan(ctx, in.Plan)
	if err != nil {
		return counts, err
	}
	shard, err := plan.Shard(in.Shard)
	if err != nil {
		return counts, invalid{err}
	}
	job := batch.Job{Plan: plan, First: shard.First, MaxRefused: in.MaxRefusedRows, Progress: func(rows int64) {
		report(int(rows), int(shard.Span.Rows), fmt.Sprintf("shard %d", in.Shard))
	}}
	if job.Schema, err = b.schemaOf(ctx, plan); err != nil {
		return counts, err
	}
	if job.Mask, err = b.masked(plan, job.Schema); err != nil {
		return counts, err
	}
	model, err := b.borrow(ctx, plan.Model, in.Parallel)
	if err != nil {
		return counts, err
	}
	job.Model = model
	entry, counts, err := b.write(ctx, job, shard)
	if err := errors.Join(err, model.Return(err == nil)); err != nil {
		return counts, err
	}
	text, err := json.Marshal(counts)
	if err != nil {
		return counts, fmt.Errorf("encode counts: %w", err)
	}
	return counts, b.Library.Catalog().SaveBatchPart(ctx, catalog.BatchPart{
		Plan: in.Plan, Shard: int64(in.Shard), Digest: string(entry.Digest), Size: entry.Size, Counts: text,
	})
}

// write runs the job into the repository.
func (b *Batch) write(ctx context.Context, job batch.Job, shard batch.Shard) (entry artifacts.Entry, counts batch.Counts, err error) {
	from, to := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := b.Library.ReadFile(ctx, file(shard.Table), dataset.SourceOptions{Layout: &shard.Table.Layout, Span: shard.Span}, func(src dataset.Source) (err error) {
			if err := job.Pick(src); err != nil {
				return err
			}
			counts, err = job.Run(ctx, src, to)
			return err
		})
		to.CloseWithError(err) // of nil: the end of the file
		done <- err
	}()
	entry, stored := b.Library.PutFile(ctx, from)
	from.CloseWithError(errors.New("the output can't be stored")) // of what still writes, after an error
	err = <-done
	if err == nil {
		err = stored
	}
	return entry, counts, err
}
