package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Defaults and bounds of a batch.
const (
	usualParallel = 4
	maxParallel   = 200
	maxBatchRows  = 4096
	maxShardRows  = 50_000_000
	// shardsPerBatchRun bounds a run's history: a shard is some ten events.
	shardsPerBatchRun = 500
	// keepEvery is how often outputs are kept from collection; its usual grace is a day.
	keepEvery = 6 * time.Hour
	// maxRounds is how often shards are done again whose outputs were collected all the same.
	maxRounds = 3
	// maxRefusals bounds what a status tells of refused rows.
	maxRefusals = 10
)

// Batch predicts the rows of a data version with one model version: it fixes
// both, has the shards predicted side by side, each once, and makes one data
// version of their outputs. It can be paused and resumed; started again after a
// failure, or after it was terminated, it goes on with what it has. It ends
// failed with the BatchStatus as details if too many rows are refused or something breaks.
func Batch(ctx workflow.Context, in contract.BatchInput) (contract.BatchStatus, error) {
	b, err := newBatch(ctx, in)
	if err != nil {
		return contract.BatchStatus{}, temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrInvalidInput, nil)
	}
	return b.run(ctx)
}

type batchRun struct {
	in     contract.BatchInput
	key    contract.BatchKey
	state  contract.BatchState
	paused bool
	failed error // of a shard; ends the others
	joins  bool  // the outputs are being joined
	told   string

	running int       // shards under way
	active  time.Time // since when shards are under way; zero: none is
	steered []workflow.ReceiveChannel
}

func newBatch(ctx workflow.Context, in contract.BatchInput) (*batchRun, error) {
	in.Parallel = cmp.Or(in.Parallel, usualParallel)
	in.Queue = cmp.Or(in.Queue, contract.BatchOnCompute)
	in.Output = cmp.Or(in.Output, in.Model+"-predictions")
	if err := checkBatch(in); err != nil {
		return nil, err
	}
	info := workflow.GetInfo(ctx)
	if want := contract.BatchID(in.Model, ""); !strings.HasPrefix(info.WorkflowExecution.ID, want) || len(info.WorkflowExecution.ID) == len(want) {
		return nil, fmt.Errorf("workflow id is %q: start this batch with --workflow-id %s and a number of its own", info.WorkflowExecution.ID, want)
	}
	b := &batchRun{in: in, key: contract.BatchKey{ID: info.WorkflowExecution.ID, Run: info.FirstRunID}}
	if in.Resume != nil {
		b.state = *in.Resume
		b.paused = b.state.Status.Phase == contract.BatchPaused
	} else {
		b.state.Status = contract.BatchStatus{
			Phase: contract.BatchPlanning, RequestedBy: in.RequestedBy, Model: in.Model, Version: in.Version, Started: workflow.Now(ctx),
		}
	}
	return b, workflow.SetQueryHandlerWithOptions(ctx, contract.QueryStatus, func() (contract.BatchStatus, error) { return b.state.Status, nil },
		workflow.QueryHandlerOptions{Description: "Where the batch stands: shards, rows, speed, refused rows, output."})
}

// checkBatch refuses what can't be meant, naming field and bound.
func checkBatch(in contract.BatchInput) error {
	switch {
	case in.Model == "":
		return errors.New("model is empty: name the model that predicts")
	case in.Data == "":
		return errors.New("data is empty: name the data version to predict")
	case in.RequestedBy == "":
		return errors.New("requested_by is empty: name who asks for the batch")
	case in.Queue != contract.BatchOnCompute && in.Queue != contract.BatchOnGPU:
		return fmt.Errorf("queue is %q: want %s or %s", in.Queue, contract.BatchOnCompute, contract.BatchOnGPU)
	case in.Parallel < 1 || in.Parallel > maxParallel:
		return fmt.Errorf("parallel is %d: want 1 to %d", in.Parallel, maxParallel)
	case in.ShardRows < 0 || in.ShardRows > maxShardRows:
		return fmt.Errorf("shard_rows is %d: want 1 to %d, or 0 for the usual", in.ShardRows, maxShardRows)
	case in.BatchRows < 0 || in.BatchRows > maxBatchRows:
		return fmt.Errorf("batch_rows is %d: want 1 to %d, or 0 for the usual", in.BatchRows, maxBatchRows)
	case in.MaxRefusedRows < 0:
		return fmt.Errorf("max_refused_rows is %d: want 0 or more", in.MaxRefusedRows)
	}
	return nil
}

func (b *batchRun) run(ctx workflow.Context) (contract.BatchStatus, error) {
	b.listen(ctx)
	again, err := b.predict(ctx)
	if again {
		return b.state.Status, b.continued(ctx)
	}
	return b.finish(ctx, err)
}

// predict passes plan, shards and output; again asks for a new run of the workflow.
func (b *batchRun) predict(ctx workflow.Context) (again bool, err error) {
	s := &b.state.Status
	if s.Plan == "" {
		if err := b.plan(ctx); err != nil || s.Output != nil {
			return false, err
		}
	}
	keeping, stop := workflow.WithCancel(ctx)
	defer stop()
	workflow.Go(keeping, b.keep)
	for {
		if again, err := b.shards(ctx); again || err != nil {
			return again, err
		}
		if done, err := b.join(ctx); done || err != nil {
			return false, err
		}
	}
}

// plan fixes model and data, and finds the output of an equal batch.
func (b *batchRun) plan(ctx workflow.Context) error {
	s := &b.state.Status
	if err := b.describe(ctx); err != nil {
		return err
	}
	found, err := planBatch.do(ctx, contract.PlanBatchInput{Key: b.key, Batch: b.in}, "fix model and data, cut shards")
	if err != nil {
		return err
	}
	s.Plan, s.Version, s.ModelDigest, s.Data, s.Shards, s.Rows = found.Plan, found.Version, found.ModelDigest, found.Data, found.Shards, found.Rows
	if found.Output == nil {
		return nil
	}
	if found.Refused > b.in.MaxRefusedRows {
		return refusedRows(found.Refused, b.in.MaxRefusedRows, nil)
	}
	s.Output, s.Existed, s.Refused, s.RowsDone, s.ShardsDone = found.Output, true, found.Refused, found.Rows, found.Shards
	return nil
}

// shards has every shard predicted that is not, at most Parallel at a time.
func (b *batchRun) shards(ctx workflow.Context) (again bool, err error) {
	work, stop := workflow.WithCancel(ctx)
	defer stop()
	started := 0
	for {
		if err = b.describe(ctx); err != nil {
			break
		}
		full := started >= shardsPerBatchRun || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		if err = workflow.Await(ctx, func() bool {
			return b.failed != nil || b.running == 0 && (full || !b.left()) || !full && b.left() && !b.paused && b.running < b.in.Parallel
		}); err != nil {
			break
		}
		if b.failed != nil {
			err = b.failed
			break
		}
		if full && b.running == 0 && b.left() {
			return true, nil
		}
		if !b.left() {
			return false, nil
		}
		started++
		b.start(work)
	}
	stop()
	detached, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	_ = workflow.Await(detached, func() bool { return b.running == 0 }) // fails only when cancelled, and detached never is
	return false, err
}

// left tells that there are shards to start.
func (b *batchRun) left() bool { return len(b.state.Again) > 0 || b.state.Next < b.state.Status.Shards }

// start has the next shard predicted.
func (b *batchRun) start(ctx workflow.Context) {
	shard := b.state.Next
	if len(b.state.Again) > 0 {
		shard, b.state.Again = b.state.Again[0], b.state.Again[1:]
	} else {
		b.state.Next++
	}
	if b.running++; b.running == 1 {
		b.active = workflow.Now(ctx)
	}
	stub := predictShard
	if b.in.Queue == contract.BatchOnGPU {
		stub.queue = contract.QueueGPU
	}
	future := stub.start(ctx, contract.ShardInput{
		Key: b.key, Plan: b.state.Status.Plan, Shard: shard, Parallel: b.in.Parallel, MaxRefusedRows: b.in.MaxRefusedRows,
	}, fmt.Sprintf("shard %d of %d", shard+1, b.state.Status.Shards))
	workflow.Go(ctx, func(ctx workflow.Context) {
		var out contract.ShardOutput
		err := future.Get(ctx, &out)
		b.running--
		b.ended(ctx, out, err)
		if err := b.describe(ctx); err != nil && b.failed == nil {
			b.failed = err
		}
	})
}

// ended counts a shard.
func (b *batchRun) ended(ctx workflow.Context, out contract.ShardOutput, err error) {
	now := workflow.Now(ctx)
	b.state.ActiveMS += now.Sub(b.active).Milliseconds()
	b.active = now
	if err != nil {
		if b.failed == nil {
			b.failed = err
		}
		return
	}
	s := &b.state.Status
	s.ShardsDone++
	s.RowsDone += out.Rows
	s.Refused += out.Refused
	s.Refusals = append(s.Refusals, out.Refusals...)
	s.Refusals = s.Refusals[:min(len(s.Refusals), maxRefusals)]
	if !out.Existed {
		b.state.ActiveRows += out.Rows
	}
	if b.state.ActiveMS > 0 {
		s.RowsPerSecond = math.Round(float64(b.state.ActiveRows)*1000/float64(b.state.ActiveMS)*10) / 10
	}
	if s.Refused > b.in.MaxRefusedRows && b.failed == nil {
		b.failed = refusedRows(s.Refused, b.in.MaxRefusedRows, s.Refusals)
	}
}

// join makes the outputs one data version; false where some are gone and must be done again.
func (b *batchRun) join(ctx workflow.Context) (bool, error) {
	s := &b.state.Status
	b.joins = true
	defer func() { b.joins = false }()
	if err := b.describe(ctx); err != nil {
		return false, err
	}
	out, err := finishBatch.do(ctx, contract.FinishBatchInput{
		Key: b.key, Plan: s.Plan, Model: s.Model, Output: b.in.Output, Description: b.in.Description, Data: s.Data, RequestedBy: b.in.RequestedBy, Started: s.Started,
	}, "make the outputs one data version")
	if err != nil {
		return false, err
	}
	if len(out.Missing) == 0 {
		s.Output, s.Existed, s.Refused = &out.Output, out.Existed, out.Refused
		return true, nil
	}
	if b.state.Rounds++; b.state.Rounds > maxRounds {
		return false, temporal.NewNonRetryableApplicationError(fmt.Sprintf("the outputs of %d shards or more were collected before the batch could end: collect with a longer grace", len(out.Missing)), contract.ErrDigestMismatch, nil)
	}
	// Their rows are counted again as they are done again: what is told until then is a little low.
	s.ShardsDone = max(0, s.ShardsDone-len(out.Missing))
	s.RowsDone = s.Rows * int64(s.ShardsDone) / int64(max(s.Shards, 1))
	s.Refused, s.Refusals = 0, nil
	b.state.Again = out.Missing
	return false, nil
}

// keep puts off the collection of what the batch has made, however long it takes or is paused.
func (b *batchRun) keep(ctx workflow.Context) {
	for {
		if err := workflow.NewTimerWithOptions(ctx, keepEvery, workflow.TimerOptions{Summary: "keep the outputs from collection"}).Get(ctx, nil); err != nil {
			return
		}
		if _, err := keepBatch.do(ctx, contract.KeepBatchInput{Plan: b.state.Status.Plan}, "keep the outputs from collection"); err != nil {
			workflow.GetLogger(ctx).Error("outputs not kept", "error", err)
		}
	}
}

// finish ends the batch with its status as result, or as the details of its failure.
func (b *batchRun) finish(ctx workflow.Context, end error) (contract.BatchStatus, error) {
	s := &b.state.Status
	now := workflow.Now(ctx)
	s.Ended = &now
	detached, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	switch {
	case end == nil:
		s.Phase = contract.BatchCompleted
	case ctx.Err() != nil || temporal.IsCanceledError(end):
		s.Phase, s.Reason = contract.BatchCancelled, "cancelled"
	default:
		s.Phase, s.Reason = contract.BatchFailed, reason(end)
	}
	if err := b.describe(detached); err != nil {
		return *s, err
	}
	switch {
	case end == nil:
		return *s, nil
	case s.Phase == contract.BatchCancelled:
		return *s, temporal.NewCanceledError(*s)
	}
	kind := contract.ErrUnavailable
	var app *temporal.ApplicationError
	if errors.As(end, &app) {
		kind = app.Type()
	}
	return *s, temporal.NewApplicationErrorWithOptions(s.Reason, kind,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*s}, Category: temporal.ApplicationErrorCategoryBenign})
}

// continued starts the workflow's next run where this one is.
func (b *batchRun) continued(ctx workflow.Context) error {
	b.receive(ctx) // what has arrived is not lost
	state := b.state
	in := b.in
	in.Resume = &state
	return workflow.NewContinueAsNewError(ctx, contract.WorkflowBatch, in)
}

// refusedRows is how a batch ends whose model refuses too many rows.
func refusedRows(refused, limit int64, refusals []contract.Refusal) error {
	text := fmt.Sprintf("the model refuses %d rows or more, %d are allowed (max_refused_rows)", refused, limit)
	for i, r := range refusals {
		if i == 0 {
			text += ": "
		} else {
			text += "; "
		}
		text += fmt.Sprintf("row %d: %s", r.Row, r.Why)
	}
	return temporal.NewNonRetryableApplicationError(text, contract.ErrRefusedRows, nil)
}
