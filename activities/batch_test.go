package activities_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/batch"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/mlflow"
	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// batches is a bench with batch activities, a registered model and data to predict.
type batches struct {
	*bench
	area   *activities.Batch
	data   catalog.DataVersion
	starts starts
}

// starts counts processes of models that have started.
type starts struct{ count atomic.Int64 }

func (s *starts) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "process is ready") {
		s.count.Add(1)
	}
	return nil
}

func (*starts) Enabled(context.Context, slog.Level) bool { return true }
func (s *starts) WithAttrs([]slog.Attr) slog.Handler     { return s }
func (s *starts) WithGroup(string) slog.Handler          { return s }

func newBatches(t *testing.T, files map[string][]byte) *batches {
	t.Helper()
	b := &batches{bench: newBench(t)}
	repository, err := artifacts.NewRepository(b.store, b.catalog, artifacts.Options{})
	require.NoError(t, err)
	models := batch.NewPool(batch.PoolConfig{Load: batch.Loader{Config: modelserver.Config{Device: onnx.DeviceCPU, Logger: slog.New(&b.starts)}}.Load, Idle: time.Hour, Most: 2})
	t.Cleanup(func() { require.NoError(t, models.Close()) })
	b.area = &activities.Batch{
		Library: b.library, Models: models,
		Runs: &activities.RunLog{Store: b.store, Files: &mlflow.Files{Catalog: b.catalog, Repository: repository}},
	}
	b.set.Batch = b.area
	r := b.release("1.1.0")
	do[contract.ModelVersion](b.bench, contract.ActivityRegister, contract.RegisterInput{
		Key: key("1.1.0", "r1"), Model: r.Model, RequestedBy: requester, Sensitive: r.Data.Sensitive,
		Data: do[contract.FixDataOutput](b.bench, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", "r1"), By: requester, Data: r.Data}).DataVersion,
	})
	require.NoError(t, b.catalog.SetAlias(t.Context(), model, "champion", "1.1.0", 0, catalog.Mark{Key: "alias", Actor: requester}))
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	added, err := b.library.Add(t.Context(), dir, dataversion.NewVersion{Name: "applicants"}, catalog.Mark{Key: "add", Actor: requester}, nil)
	require.NoError(t, err)
	b.data = added.Version
	return b
}

func testRows(t *testing.T) []byte {
	t.Helper()
	rows, err := os.ReadFile(filepath.Join(credit, "data", "test.csv"))
	require.NoError(t, err)
	return rows
}

func batchOf(change func(*contract.BatchInput)) contract.PlanBatchInput {
	in := contract.BatchInput{Model: model, Version: "champion", Data: "applicants", Keys: []string{"purpose"}, ShardRows: 90, RequestedBy: requester}
	if change != nil {
		change(&in)
	}
	return contract.PlanBatchInput{Key: contract.BatchKey{ID: contract.BatchID(model, "1"), Run: "r1"}, Batch: in}
}

func (b *batches) shard(plan string, n int) contract.ShardInput {
	return contract.ShardInput{Key: contract.BatchKey{ID: contract.BatchID(model, "1"), Run: "r1"}, Plan: plan, Shard: n, Parallel: 2}
}

func (b *batches) finish(p contract.PlanBatchOutput) contract.FinishBatchInput {
	return contract.FinishBatchInput{
		Key: contract.BatchKey{ID: contract.BatchID(model, "1"), Run: "r1"}, Plan: p.Plan, Model: model, Output: "predictions", Data: p.Data, RequestedBy: requester, Started: time.Now(),
	}
}

// Every activity of a batch may run twice, and the second run finds the first one's result.
func TestBatchActivities(t *testing.T) {
	t.Parallel()
	b := newBatches(t, map[string][]byte{"a.csv": testRows(t), "b.csv": testRows(t), "notes.txt": []byte("no table")})
	plan := twice[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, batchOf(nil))
	require.Equal(t, []any{"1.1.0", 6, int64(400), b.data.Digest}, []any{plan.Version, plan.Shards, plan.Rows, plan.Data.Digest})
	again := batchOf(func(in *contract.BatchInput) { in.Version, in.Data, in.Parallel = "1.1.0", "applicants@1", 9 })
	require.Equal(t, plan.Plan, do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, again).Plan, "the same by other names")
	other := batchOf(func(in *contract.BatchInput) { in.Keys = nil })
	require.NotEqual(t, plan.Plan, do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, other).Plan)

	missing := do[contract.FinishBatchOutput](b.bench, contract.ActivityFinishBatch, b.finish(plan))
	require.Equal(t, []int{0, 1, 2, 3, 4, 5}, missing.Missing)
	for n := range plan.Shards {
		first := do[contract.ShardOutput](b.bench, contract.ActivityShard, b.shard(plan.Plan, n))
		require.False(t, first.Existed)
		second := do[contract.ShardOutput](b.bench, contract.ActivityShard, b.shard(plan.Plan, n))
		require.True(t, second.Existed)
		require.Equal(t, first.Rows, second.Rows)
	}
	require.EqualValues(t, 1, b.starts.count.Load(), "all shards have the same process")
	do[contract.Empty](b.bench, contract.ActivityKeepBatch, contract.KeepBatchInput{Plan: plan.Plan})
	out := twice[contract.FinishBatchOutput](b.bench, contract.ActivityFinishBatch, b.finish(plan))
	require.Equal(t, []any{"predictions", int64(400), false}, []any{out.Output.Name, out.Rows, out.Existed})

	saved, err := b.catalog.Data(t.Context(), "predictions")
	require.NoError(t, err)
	require.Contains(t, saved.Description, "predictions of credit-risk 1.1.0 on applicants@1 by batch/credit-risk/1")
	require.EqualValues(t, 6, saved.FileCount)
	var rows int64
	for e, err := range b.library.Entries(t.Context(), saved) {
		require.NoError(t, err)
		require.NoError(t, b.library.ReadFile(t.Context(), e, dataset.SourceOptions{}, func(src dataset.Source) error {
			table, err := dataset.ReadTable(t.Context(), src, dataset.TableOptions{})
			require.NoError(t, err)
			for i := range table.Rows() {
				rows++
				require.EqualValues(t, rows, table.Value("row", i), "numbered over all tables")
			}
			return nil
		}))
	}
	require.EqualValues(t, 400, rows)
	for _, digest := range []string{saved.Digest, b.data.Digest} {
		uses, err := b.library.Lineage(t.Context(), catalog.DataVersion{Digest: digest})
		require.NoError(t, err)
		require.Equal(t, "batch/credit-risk/1", uses[len(uses)-1].Release)
	}

	known := do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, batchOf(nil))
	require.Equal(t, &out.Output, known.Output)
	other = batchOf(func(in *contract.BatchInput) { in.Keys = nil })
	do[contract.ShardOutput](b.bench, contract.ActivityShard, b.shard(do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, other).Plan, 0))
	require.EqualValues(t, 2, b.starts.count.Load(), "the end of the first batch has ended its process")
	_, err = b.catalog.DeleteData(t.Context(), saved.Digest, 0, catalog.Mark{Key: "rm", Actor: requester})
	require.NoError(t, err)
	require.Nil(t, do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, batchOf(nil)).Output, "what was deleted is made again")
}

// What a batch that never ends leaves is collected, and made again by the next.
func TestBatchLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBatches(t, map[string][]byte{"a.csv": testRows(t)})
	plan := do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, batchOf(nil))
	before, err := b.library.Collect(t.Context(), dataversion.CollectOptions{Grace: -1, DryRun: true}, catalog.Mark{Key: "gc0", Actor: requester})
	require.NoError(t, err)
	for n := range plan.Shards {
		do[contract.ShardOutput](b.bench, contract.ActivityShard, b.shard(plan.Plan, n))
	}
	freed, err := b.library.Collect(t.Context(), dataversion.CollectOptions{Grace: -1}, catalog.Mark{Key: "gc1", Actor: requester})
	require.NoError(t, err)
	require.Equal(t, before.Blobs+int64(plan.Shards), freed.Blobs, "the plan and every part")
	left, err := b.library.Collect(t.Context(), dataversion.CollectOptions{Grace: -1, DryRun: true}, catalog.Mark{Key: "gc2", Actor: requester})
	require.NoError(t, err)
	require.Zero(t, left.Blobs)

	_, err = try[contract.ShardOutput](b.bench, contract.ActivityShard, b.shard(plan.Plan, 0))
	require.ErrorContains(t, err, "was collected: start the batch again")
	require.Equal(t, plan, do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, batchOf(nil)))
	require.Len(t, do[contract.FinishBatchOutput](b.bench, contract.ActivityFinishBatch, b.finish(plan)).Missing, plan.Shards)
	require.False(t, do[contract.ShardOutput](b.bench, contract.ActivityShard, b.shard(plan.Plan, 0)).Existed)
}

// Personal keys leave masked or not at all.
func TestBatchMasksPersonalKeys(t *testing.T) {
	t.Parallel()
	schema := []byte("extra: allow\ncolumns:\n  - {name: sex, type: string, personal: true, mask: drop}\n  - {name: age, type: integer, personal: true, mask: token}\n")
	b := newBatches(t, map[string][]byte{"a.csv": testRows(t), "schema.yaml": schema})
	asked := batchOf(func(in *contract.BatchInput) { in.Keys = []string{"age", "sex", "purpose"} })
	_, err := try[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, asked)
	require.ErrorContains(t, err, "no masking key")
	_, err = try[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, batchOf(func(in *contract.BatchInput) { in.Keys = []string{"foreign_worker"} }))
	require.ErrorContains(t, err, "name a schema that says how it is masked")

	b.area.MaskKey = bytes.Repeat([]byte("k"), 32)
	plan := do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, asked)
	for n := range plan.Shards {
		do[contract.ShardOutput](b.bench, contract.ActivityShard, b.shard(plan.Plan, n))
	}
	part, err := b.catalog.BatchPart(t.Context(), plan.Plan, 0)
	require.NoError(t, err)
	content, err := b.library.ReadBytes(t.Context(), artifacts.Digest(part.Digest), 1<<20)
	require.NoError(t, err)
	src, err := dataset.NewSource(bytes.NewReader(content), int64(len(content)), "part.parquet", dataset.SourceOptions{})
	require.NoError(t, err)
	table, err := dataset.ReadTable(t.Context(), src, dataset.TableOptions{})
	require.NoError(t, err)
	require.False(t, table.Has("sex"))
	require.Len(t, table.Value("age", 0), 26)
	b.area.MaskKey = bytes.Repeat([]byte("x"), 32)
	require.NotEqual(t, plan.Plan, do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, asked).Plan, "another key is another output")
	_, err = b.catalog.BatchPart(t.Context(), plan.Plan, 99)
	require.ErrorIs(t, err, catalog.ErrNotFound)
	b.area.MaskKey = bytes.Repeat([]byte("y"), 32)
	require.NoError(t, b.catalog.SaveBatchPart(t.Context(), catalog.BatchPart{Plan: plan.Plan, Digest: "sha256:" + strings.Repeat("0", 64), Counts: json.RawMessage("{}")}))
	_, err = try[contract.ShardOutput](b.bench, contract.ActivityShard, b.shard(plan.Plan, 0))
	require.ErrorContains(t, err, "has not the masking key that the batch was planned with")
}

func TestBatchPlanRefuses(t *testing.T) {
	t.Parallel()
	b := newBatches(t, map[string][]byte{"a.csv": testRows(t), "empty.csv": []byte(strings.SplitAfter(string(testRows(t)), "\n")[0]), "b.csv": []byte("x\n1\n"), "ragged.csv": append(testRows(t), "1,2\n"...)})
	only := func(path string) func(*contract.BatchInput) {
		return func(in *contract.BatchInput) { in.Paths = []string{path} }
	}
	for says, c := range map[string]struct {
		kind   string
		change func(*contract.BatchInput)
	}{
		`model "nobody"`:                   {contract.ErrNotFound, func(in *contract.BatchInput) { in.Model = "nobody" }},
		`no alias "9.9.9"`:                 {contract.ErrNotFound, func(in *contract.BatchInput) { in.Version = "9.9.9" }},
		`data "nothing"`:                   {contract.ErrNotFound, func(in *contract.BatchInput) { in.Data = "nothing" }},
		`no file or folder "c.csv"`:        {contract.ErrInvalidInput, only("c.csv")},
		"columns that are missing":         {contract.ErrInvalidInput, only("b.csv")},
		"has no rows to predict":           {contract.ErrInvalidInput, only("empty.csv")},
		"the row has 2 columns":            {contract.ErrInvalidInput, only("ragged.csv")},
		`no key column "id"`:               {contract.ErrInvalidInput, func(in *contract.BatchInput) { in.Paths, in.Keys = []string{"a.csv"}, []string{"id"} }},
		"a column of its own by that name": {contract.ErrInvalidInput, func(in *contract.BatchInput) { in.Keys = []string{"error"} }},
	} {
		_, err := try[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, batchOf(c.change))
		require.ErrorContains(t, err, says)
		var app *temporal.ApplicationError
		require.True(t, errors.As(err, &app))
		require.Equal(t, c.kind, app.Type(), says)
		require.True(t, app.NonRetryable(), says)
	}
	staged := do[contract.PlanBatchOutput](b.bench, contract.ActivityPlanBatch, batchOf(func(in *contract.BatchInput) { in.Version, in.Paths = "staging", []string{"a.csv"} }))
	require.Equal(t, "1.1.0", staged.Version)
}
