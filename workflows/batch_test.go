package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

func theBatch() contract.BatchInput {
	return contract.BatchInput{Model: "credit", Data: "applicants@3", Keys: []string{"id"}, RequestedBy: requester}
}

// aBatch has so many shards of 100 rows, all of which can be predicted.
func aBatch(t *testing.T, shards int) *script {
	t.Helper()
	s := newScript(t, contract.BatchID("credit", "7"))
	gives(s, planBatch, contract.PlanBatchOutput{
		Plan: "sha256:plan", Version: "1.1.0", ModelDigest: candidate, Data: contract.DataVersion{Name: "applicants", Version: 3, Digest: "sha256:data"},
		Shards: shards, Rows: int64(100 * shards),
	})
	gives(s, predictShard, contract.ShardOutput{Rows: 100, Seconds: 1})
	gives(s, keepBatch, contract.Empty{})
	gives(s, finishBatch, contract.FinishBatchOutput{Output: contract.DataVersion{Name: "credit-predictions", Version: 1, Digest: "sha256:out"}, Rows: int64(100 * shards)})
	return s
}

func (s *script) predicts(in contract.BatchInput) error { return s.runs(contract.WorkflowBatch, in) }

// predicted are the shards that were asked for, in order.
func (s *script) predicted() []int {
	var shards []int
	for _, in := range inputs(s, predictShard) {
		shards = append(shards, in.Shard)
	}
	slices.Sort(shards)
	return shards
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestBatchPredictsEveryShardOnce(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 25)
	require.NoError(t, s.predicts(theBatch()))
	require.Equal(t, numbers(25), s.predicted())
	end := result[contract.BatchStatus](s)
	require.Equal(t, contract.BatchCompleted, end.Phase)
	require.Equal(t, []any{"1.1.0", candidate, 25, 25, int64(2500), int64(2500)}, []any{end.Version, end.ModelDigest, end.Shards, end.ShardsDone, end.Rows, end.RowsDone})
	require.Equal(t, &contract.DataVersion{Name: "credit-predictions", Version: 1, Digest: "sha256:out"}, end.Output)
	require.Equal(t, end.Output, status[contract.BatchStatus](s).Output)
	finish := inputs(s, finishBatch)[0]
	require.Equal(t, []string{"credit-predictions", "sha256:plan", requester}, []string{finish.Output, finish.Plan, finish.RequestedBy})
	require.Equal(t, contract.BatchKey{ID: "batch/credit/7", Run: finish.Key.Run}, finish.Key)
}

func TestBatchKeepsToItsParallelShards(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 20)
	var mu sync.Mutex
	now, most := 0, 0
	on(s, predictShard, func(contract.ShardInput) (contract.ShardOutput, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		defer func() { mu.Lock(); now--; mu.Unlock() }()
		return contract.ShardOutput{Rows: 100}, nil
	})
	in := theBatch()
	in.Parallel = 3
	require.NoError(t, s.predicts(in))
	require.LessOrEqual(t, most, 3)
	require.Equal(t, numbers(20), s.predicted())
}

func TestBatchOnGPU(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 2)
	var queues []string
	s.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if info.ActivityType.Name == contract.ActivityShard {
			queues = append(queues, info.TaskQueue)
		}
	})
	in := theBatch()
	in.Queue = contract.BatchOnGPU
	require.NoError(t, s.predicts(in))
	require.Equal(t, []string{contract.QueueGPU, contract.QueueGPU}, queues)
}

// An equal batch before has made the output already.
func TestBatchFindsItsOutput(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 3)
	known := contract.PlanBatchOutput{Plan: "sha256:plan", Version: "1.1.0", Shards: 3, Rows: 300, Refused: 2, Output: &contract.DataVersion{Name: "old", Version: 4, Digest: "sha256:old"}}
	gives(s, planBatch, known)
	in := theBatch()
	in.MaxRefusedRows = 2
	require.NoError(t, s.predicts(in))
	require.Empty(t, s.predicted())
	end := result[contract.BatchStatus](s)
	require.Equal(t, known.Output, end.Output)
	require.True(t, end.Existed)
	require.EqualValues(t, 2, end.Refused)

	s = aBatch(t, 3)
	gives(s, planBatch, known)
	err := s.predicts(theBatch())
	require.Equal(t, contract.ErrRefusedRows, kindOf(err), "what was allowed then is not allowed now")
}

// kindOf is the type of the error that a workflow ended with.
func kindOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

func TestBatchCountsRefusedRowsOverAllShards(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 8)
	on(s, predictShard, func(in contract.ShardInput) (contract.ShardOutput, error) {
		return contract.ShardOutput{Rows: 100, Refused: 1, Refusals: []contract.Refusal{{Row: int64(100*in.Shard + 1), Why: "no value"}}}, nil
	})
	in := theBatch()
	in.MaxRefusedRows, in.Parallel = 3, 1
	err := s.predicts(in)
	require.Equal(t, contract.ErrRefusedRows, kindOf(err))
	require.ErrorContains(t, err, "refuses 4 rows or more, 3 are allowed (max_refused_rows): row 1: no value; row 101: no value")
	require.Equal(t, numbers(4), s.predicted(), "the others are not started")
	require.Zero(t, s.did(contract.ActivityFinishBatch))
	var end contract.BatchStatus
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.NoError(t, app.Details(&end))
	require.Equal(t, contract.BatchFailed, end.Phase)
	require.EqualValues(t, 4, end.Refused)
}

func TestBatchFailsWithAShard(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 50)
	on(s, predictShard, func(in contract.ShardInput) (contract.ShardOutput, error) {
		if in.Shard == 5 {
			return contract.ShardOutput{}, temporal.NewNonRetryableApplicationError("rows 501 to 600: the model broke its process", contract.ErrModelBroken, nil)
		}
		return contract.ShardOutput{Rows: 100}, nil
	})
	err := s.predicts(theBatch())
	require.Equal(t, contract.ErrModelBroken, kindOf(err))
	require.ErrorContains(t, err, "rows 501 to 600")
	require.Less(t, len(s.predicted()), 12)
	require.Zero(t, s.did(contract.ActivityFinishBatch))
}

// A shard that fails for a while is tried again.
func TestBatchTriesAgain(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 3)
	var tries atomic.Int32
	on(s, predictShard, func(in contract.ShardInput) (contract.ShardOutput, error) {
		if n := tries.Add(1); in.Shard == 1 && n < 9 {
			return contract.ShardOutput{}, temporal.NewApplicationError("the store is away", contract.ErrUnavailable)
		}
		return contract.ShardOutput{Rows: 100}, nil
	})
	require.NoError(t, s.predicts(theBatch()))
}

// Outputs that were collected meanwhile are made again.
func TestBatchMakesMissingOutputsAgain(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 6)
	rounds := 0
	on(s, finishBatch, func(contract.FinishBatchInput) (contract.FinishBatchOutput, error) {
		if rounds++; rounds == 1 {
			return contract.FinishBatchOutput{Missing: []int{1, 4}}, nil
		}
		return contract.FinishBatchOutput{Output: contract.DataVersion{Name: "out", Version: 1}}, nil
	})
	require.NoError(t, s.predicts(theBatch()))
	require.Equal(t, []int{0, 1, 1, 2, 3, 4, 4, 5}, s.predicted())
	end := result[contract.BatchStatus](s)
	require.Equal(t, 6, end.ShardsDone)
	require.EqualValues(t, 600, end.RowsDone)

	s = aBatch(t, 6)
	gives(s, finishBatch, contract.FinishBatchOutput{Missing: []int{1}})
	require.ErrorContains(t, s.predicts(theBatch()), "collect with a longer grace")
	require.Len(t, s.predicted(), 6+maxRounds)
}

func TestBatchPausesAndResumes(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 10)
	in := theBatch()
	in.Parallel = 1
	var done atomic.Int32
	on(s, predictShard, func(contract.ShardInput) (contract.ShardOutput, error) {
		if done.Add(1) == 4 {
			s.env.SignalWorkflow(contract.SignalPause, contract.Steer{By: ann})
		}
		return contract.ShardOutput{Rows: 100}, nil
	})
	var paused contract.BatchStatus
	s.after(20*time.Hour, func() {
		paused = status[contract.BatchStatus](s)
		s.env.SignalWorkflow(contract.SignalResume, raw("not even JSON"))
	})
	require.NoError(t, s.predicts(in))
	require.Equal(t, contract.BatchPaused, paused.Phase)
	require.Less(t, paused.ShardsDone, 6)
	require.Equal(t, numbers(10), s.predicted())
	require.GreaterOrEqual(t, s.did(contract.ActivityKeepBatch), 3, "the outputs are kept while it is paused")
}

func TestBatchCancelled(t *testing.T) {
	t.Parallel()
	s := aBatch(t, 10)
	in := theBatch()
	in.Parallel = 2
	var done atomic.Int32
	on(s, predictShard, func(contract.ShardInput) (contract.ShardOutput, error) {
		if done.Add(1) == 3 {
			s.env.CancelWorkflow()
		}
		return contract.ShardOutput{Rows: 100}, nil
	})
	err := s.predicts(in)
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, err, &cancelled)
	require.Less(t, len(s.predicted()), 7)
	require.Zero(t, s.did(contract.ActivityFinishBatch))
	require.Equal(t, contract.BatchCancelled, status[contract.BatchStatus](s).Phase)
}

// A batch of many shards goes on in new runs, each with a bounded history, and loses nothing on the way.
func TestBatchContinuesAsNew(t *testing.T) {
	t.Parallel()
	const shards = 2*shardsPerBatchRun + 30
	in := theBatch()
	var all []int
	for runs := 1; ; runs++ {
		s := aBatch(t, shards)
		if runs == 1 {
			s.after(0, func() { s.env.SignalWorkflow(contract.SignalPause, contract.Steer{By: ann}) })
			s.after(time.Hour, func() { s.env.SignalWorkflow(contract.SignalResume, contract.Steer{By: ann}) })
		}
		err := s.predicts(in)
		all = append(all, s.predicted()...)
		var next *workflow.ContinueAsNewError
		if !errors.As(err, &next) {
			require.NoError(t, err)
			require.Equal(t, 3, runs)
			end := result[contract.BatchStatus](s)
			require.Equal(t, []any{shards, int64(100 * shards)}, []any{end.ShardsDone, end.RowsDone})
			break
		}
		require.Zero(t, s.did(contract.ActivityFinishBatch))
		require.LessOrEqual(t, runs, 3)
		require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in))
		require.Less(t, len(fmt.Sprint(in)), 4000, "what is carried over is small")
		require.Equal(t, "sha256:plan", in.Resume.Status.Plan)
	}
	require.Equal(t, numbers(shards), all)
}

func TestBatchRefusesInput(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*contract.BatchInput){
		"model is empty":          func(in *contract.BatchInput) { in.Model = "" },
		"data is empty":           func(in *contract.BatchInput) { in.Data = "" },
		"requested_by is empty":   func(in *contract.BatchInput) { in.RequestedBy = "" },
		`queue is "tpu"`:          func(in *contract.BatchInput) { in.Queue = "tpu" },
		"parallel is -1":          func(in *contract.BatchInput) { in.Parallel = -1 },
		"shard_rows is -5":        func(in *contract.BatchInput) { in.ShardRows = -5 },
		"batch_rows is 5000":      func(in *contract.BatchInput) { in.BatchRows = 5000 },
		"max_refused_rows is -1":  func(in *contract.BatchInput) { in.MaxRefusedRows = -1 },
		"--workflow-id batch/mm/": func(in *contract.BatchInput) { in.Model = "mm" },
	} {
		s := aBatch(t, 1)
		in := theBatch()
		change(&in)
		err := s.predicts(in)
		require.Equal(t, contract.ErrInvalidInput, kindOf(err), says)
		require.ErrorContains(t, err, says)
		require.Empty(t, s.steps())
	}
}

func TestBatchDetails(t *testing.T) {
	t.Parallel()
	b := batchRun{key: contract.BatchKey{ID: "batch/credit/7"}}
	b.state.Status = contract.BatchStatus{
		Phase: contract.BatchPaused, Model: "credit", Version: "1.1.0", Data: contract.DataVersion{Name: "applicants", Version: 3}, RequestedBy: requester,
		Plan: "sha256:plan", Shards: 10, ShardsDone: 4, Rows: 1000, RowsDone: 400, RowsPerSecond: 50, Refused: 1, Refusals: []contract.Refusal{{Row: 7, Why: "a|b"}},
	}
	text := b.details()
	for _, want := range []string{"**credit 1.1.0** on **applicants@3**", "| 4 of 10 | 400 of 1000 | 1 | 50 | 12s |", `row 7: a\|b`, "slipway batch resume credit/7"} {
		require.Contains(t, text, want)
	}
	require.Less(t, len(strings.Split(text, "\n")), 15)
}
