package serving

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// warmRounds is how often each batch size runs on each instance: ONNX Runtime
// plans a shape's memory in the first run and uses the plan from the second on.
const warmRounds = 2

// WarmUp is what a version ran before it took calls.
type WarmUp struct {
	// Sizes are the numbers of rows that have run, ascending.
	Sizes []int
	Took  time.Duration
	// Left says why sizes were left out; empty: none were.
	Left string
}

// warmSizes are the sizes of batches to run: the powers of two up to the
// largest, the largest, and the preferred ones.
func warmSizes(b Batching) []int {
	sizes := []int{1}
	for n := 2; n < b.MaxRows; n *= 2 {
		sizes = append(sizes, n)
	}
	for _, n := range append(slices.Clone(b.Preferred), b.MaxRows) {
		if n > 1 && n <= b.MaxRows {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// warmUp runs every size of batch until the limit is over, and tells progress.
// It starts with one row, which must be answered: that of Health, or, when the model fails on that, of
// others, rows which another version of the model has answered. A model that can't take
// several rows at once is not batched from then on.
func (i *Instance) warmUp(ctx context.Context, limit time.Duration, others []Input, progress func(WarmUp)) (WarmUp, error) {
	start := time.Now()
	row, err := i.sample(ctx, others)
	if err != nil {
		return WarmUp{Took: time.Since(start), Left: "no row is known that the model takes"}, err
	}
	done := WarmUp{}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, n := range warmSizes(i.batcher.batching) {
		err := i.warmSize(limited, row.times(n), n)
		done.Took = time.Since(start)
		switch {
		case err == nil:
			done.Sizes = append(done.Sizes, n)
			progress(done)
			continue
		case ctx.Err() != nil:
			return done, ctx.Err()
		case limited.Err() != nil:
			done.Left = fmt.Sprintf("the %s for it were over at %d rows", limit, n)
		case n == 1:
			return done, err
		default:
			i.batcher.apart.Store(true)
			done.Left = fmt.Sprintf("requests are not put together: %d rows: %s", n, err)
		}
		break
	}
	progress(done)
	return done, nil
}

// sample is a row that the model answers. The error wraps ErrUnproven if none is known.
func (i *Instance) sample(ctx context.Context, others []Input) (Input, error) {
	err := i.Health(ctx)
	if err == nil {
		return i.model.Zero(), nil
	}
	if !errors.Is(err, ErrUnproven) {
		return Input{}, err
	}
	for _, row := range others {
		if failed := i.try(ctx, row); failed == nil {
			i.good.CompareAndSwap(nil, &row)
			return row, nil
		}
	}
	return Input{}, err
}

// warmSize runs n rows on every instance.
func (i *Instance) warmSize(ctx context.Context, in Input, n int) (err error) {
	defer recovered(&err)
	tensors, err := i.model.Tensors(in)
	if err != nil {
		return err
	}
	all := warmRounds * i.batcher.limits.Running
	for run := range all + warmRounds*i.batcher.limits.Narrow {
		if run == all {
			ctx = WithOneThread(ctx)
		}
		out, err := i.run(ctx, tensors)
		if err != nil {
			return err
		}
		if n == 1 {
			continue
		}
		if _, err := onnx.Split(out, []int64{int64(n)}); err != nil {
			return err
		}
	}
	return nil
}
