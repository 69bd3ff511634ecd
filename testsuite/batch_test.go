package testsuite

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// applicants are rows of the example, each with an id of its own, and as a client would send them.
func applicants(t *testing.T, n int, change func(i int, row map[string]string)) (table []byte, rows []map[string]any) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(example(t, "data/german.csv"))).ReadAll()
	require.NoError(t, err)
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	require.NoError(t, w.Write(append([]string{"id"}, all[0]...)))
	for i := range n {
		from := all[1+i%(len(all)-1)]
		named := map[string]string{"id": fmt.Sprintf("A-%06d", i)}
		for c, name := range all[0] {
			named[name] = from[c]
		}
		if change != nil {
			change(i, named)
		}
		record := []string{named["id"]}
		row := map[string]any{}
		for _, name := range all[0] {
			record = append(record, named[name])
			if row[name] = named[name]; name != "risk" {
				if number, err := strconv.ParseFloat(named[name], 64); err == nil {
					row[name] = number
				}
			}
		}
		require.NoError(t, w.Write(record))
		rows = append(rows, row)
	}
	w.Flush()
	return out.Bytes(), rows
}

// predicted is a row of an output.
type predicted struct {
	ID            string
	Row           int64
	Prediction    *int64
	Probabilities []float64
	Error         string
}

// output reads the output of a batch from a folder that data get wrote.
func output(t *testing.T, dir string) (rows []predicted) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "part-*.parquet"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	slices.Sort(files)
	for _, file := range files {
		src, err := dataset.OpenSource(file, dataset.SourceOptions{})
		require.NoError(t, err)
		for {
			batch, err := src.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			at := func(name string) int { return src.Schema().FieldIndices(name)[0] }
			for i := range int(batch.NumRows()) {
				p := predicted{ID: batch.Column(at("id")).ValueStr(i), Row: batch.Column(at("row")).(*array.Int64).Value(i)}
				if label := batch.Column(at("prediction")).(*array.Int64); label.IsValid(i) {
					v := label.Value(i)
					p.Prediction = &v
				}
				list := batch.Column(at("probabilities")).(*array.List)
				from, to := list.ValueOffsets(i)
				p.Probabilities = slices.Clone(list.ListValues().(*array.Float64).Float64Values()[from:to])
				if e := batch.Column(at("error")); e.IsValid(i) {
					p.Error = e.ValueStr(i)
				}
				rows = append(rows, p)
			}
			batch.Release()
		}
		require.NoError(t, src.Close())
	}
	return rows
}

// asked is what the gateway says of rows.
func (c *cluster) asked(rows []map[string]any) (predictions []int64, probabilities [][]float64) {
	c.t.Helper()
	return c.askedOf(model, rows)
}

func (c *cluster) askedOf(name string, rows []map[string]any) (predictions []int64, probabilities [][]float64) {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"model": name, "input": rows})
	require.NoError(c.t, err)
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.predict+"/predict", bytes.NewReader(body))
	require.NoError(c.t, err)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer answer.Body.Close()
	var said struct {
		Prediction    []int64
		Probabilities [][]float64
		Error         string
	}
	require.NoError(c.t, json.NewDecoder(answer.Body).Decode(&said))
	require.Equal(c.t, http.StatusOK, answer.StatusCode, said.Error)
	return said.Prediction, said.Probabilities
}

// batchStatus is what `slipway batch status` says.
func (c *cluster) batchStatus(name string) contract.BatchStatus {
	c.t.Helper()
	var s contract.BatchStatus
	out, errs, code := c.slipway("batch", "status", name, "-o", "json")
	require.Zero(c.t, code, errs)
	require.NoError(c.t, json.Unmarshal([]byte(out), &s), out)
	return s
}

// untilBatch waits until a batch is as wanted.
func (c *cluster) untilBatch(name, what string, ok func(contract.BatchStatus) bool) (s contract.BatchStatus) {
	c.t.Helper()
	tc := c.client()
	require.Eventually(c.t, func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		defer cancel()
		v, err := tc.QueryWorkflow(ctx, "batch/"+name, "", contract.QueryStatus)
		return err == nil && v.Get(&s) == nil && ok(s)
	}, 2*time.Minute, 50*time.Millisecond, "batch %s never %s", name, what)
	return s
}

// TestBatch predicts a data version with the model in production: what comes out
// is, row by row and with its key, what the gateway answers.
func TestBatch(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")
	c.promote(credit("1.0.0"))
	table, rows := applicants(t, 3000, nil)
	var added struct{ Version catalog.DataVersion }
	c.dataJSON(&added, "add", filepath.Join(folderOf(t, map[string][]byte{"applicants.csv": table}), "applicants.csv"), "--name", "applicants")

	out, errs, code := c.slipway("batch", "start", model, "--data", "applicants", "--keys", "id", "--shard-rows", "700", "--as", "alice", "--watch")
	require.Zero(t, code, "%s%s", out, errs)
	require.Contains(t, out, "batch credit-risk/1: completed: 3000 predictions of 3000 rows are in credit-risk-predictions@1")
	s := c.batchStatus("credit-risk/1")
	require.Equal(t, []any{"1.0.0", 5, 5, int64(3000), int64(3000), "alice"}, []any{s.Version, s.Shards, s.ShardsDone, s.Rows, s.RowsDone, s.RequestedBy})
	require.Equal(t, added.Version.Digest, s.Data.Digest)
	c.record("batch/credit-risk/1", "batch", "completed")

	c.requireAnswersOf(t, "credit-risk-predictions", rows)
	lineage, _, code := c.data("lineage", s.Output.Digest)
	require.Zero(t, code)
	require.Contains(t, lineage, "batch/credit-risk/1")
	run, err := c.openCatalog().Run(t.Context(), catalog.RunOfBatch(c.batchKey("batch/credit-risk/1")))
	require.NoError(t, err)
	require.Equal(t, added.Version.Digest, run.Inputs[0].DataDigest)

	// The same by the plain temporal CLI, of an alias: the output is there already.
	_, errs, code = c.cli("workflow", "start", "--type", contract.WorkflowBatch, "--task-queue", contract.QueueControl, "--workflow-id", "batch/credit-risk/again",
		"--input", `{"model":"credit-risk","version":"production","data":"`+s.Data.Digest+`","keys":["id"],"shard_rows":700,"requested_by":"bob"}`)
	require.Zero(t, code, errs)
	_, errs, code = c.slipway("batch", "watch", "credit-risk/again")
	require.Zero(t, code, errs)
	again := c.batchStatus("credit-risk/again")
	require.True(t, again.Existed)
	require.Equal(t, s.Output, again.Output)
	c.record("batch/credit-risk/again", "batch", "existed")
	require.Zero(t, len(c.shards("batch/credit-risk/again")))
	list, _, code := c.slipway("batch", "list", "-o", "json")
	require.Zero(t, code)
	require.Contains(t, list, "credit-risk/again")
	c.refusedAndSteered()
}

// requireAnswersOf compares a batch's output with what the gateway answers for the applicants, row by row and with their keys.
func (c *cluster) requireAnswersOf(t *testing.T, name string, rows []map[string]any) {
	t.Helper()
	dir := t.TempDir()
	_, errs, code := c.data("get", name, "--to", dir)
	require.Zero(t, code, errs)
	got := output(t, dir)
	require.Len(t, got, len(rows))
	predictions, probabilities := c.asked(rows)
	for i, p := range got {
		require.Equal(t, fmt.Sprintf("A-%06d", i), p.ID)
		require.EqualValues(t, i+1, p.Row)
		require.Equal(t, predictions[i], *p.Prediction)
		require.InDeltaSlice(t, probabilities[i], p.Probabilities, 1e-6)
		require.Empty(t, p.Error)
	}
}

// refusedAndSteered are the other ends: too many refused rows, pause, resume and cancel.
func (c *cluster) refusedAndSteered() {
	t := c.t.(*testing.T)
	table, _ := applicants(t, 2000, func(i int, row map[string]string) {
		if i == 7 || i == 1500 {
			row["duration"] = "long"
		}
	})
	c.dataJSON(new(any), "add", filepath.Join(folderOf(t, map[string][]byte{"bad.csv": table}), "bad.csv"), "--name", "bad")
	start := func(args ...string) (string, string, int) {
		return c.slipway(append([]string{"batch", "start", model, "--data", "bad", "--keys", "id", "--shard-rows", "500", "--as", "alice"}, args...)...)
	}
	out, errs, code := start("--watch", "--max-refused", "1")
	require.Equal(t, 3, code, "%s%s", out, errs)
	require.Contains(t, out, "row 8: column duration: the value is no number")
	require.Contains(t, out, "1 are allowed (max_refused_rows)")
	c.record("batch/credit-risk/2", "batch", "refused")
	out, errs, code = start("--watch", "--max-refused", "2")
	require.Zero(t, code, "%s%s", out, errs)
	require.Contains(t, out, "1998 predictions of 2000 rows")
	require.NotEmpty(t, c.shards("batch/credit-risk/3"))

	out, errs, code = start("--max-refused", "2", "--batch-rows", "1", "--parallel", "1")
	require.Zero(t, code, "%s%s", out, errs)
	_, errs, code = c.slipway("batch", "pause", "credit-risk/4", "--as", "alice")
	require.Zero(t, code, errs)
	c.untilBatch("credit-risk/4", "paused", func(s contract.BatchStatus) bool { return s.Phase == contract.BatchPaused })
	_, errs, code = c.slipway("batch", "resume", "credit-risk/4")
	require.Zero(t, code, errs)
	c.untilBatch("credit-risk/4", "completed", func(s contract.BatchStatus) bool { return s.Phase == contract.BatchCompleted })
	c.record("batch/credit-risk/4", "batch", "paused")

	out, errs, code = start("--max-refused", "2", "--batch-rows", "2", "--parallel", "1")
	require.Zero(t, code, "%s%s", out, errs)
	_, errs, code = c.slipway("batch", "pause", "credit-risk/5")
	require.Zero(t, code, errs)
	c.untilBatch("credit-risk/5", "paused", func(s contract.BatchStatus) bool { return s.Phase == contract.BatchPaused })
	_, errs, code = c.slipway("batch", "cancel", "credit-risk/5")
	require.Zero(t, code, errs)
	out, errs, code = c.slipway("batch", "watch", "credit-risk/5")
	require.Equal(t, 3, code, "%s%s", out, errs)
	require.Contains(t, out, "cancelled")
	c.record("batch/credit-risk/5", "batch", "cancelled")
	_, _, code = c.slipway("batch", "cancel", "credit-risk/5")
	require.Equal(t, 1, code, "it has ended")
}

// batchKey is the key of a batch, by its history.
func (c *cluster) batchKey(id string) string {
	c.t.Helper()
	started := history(c.t, c.client(), id)[0].GetWorkflowExecutionStartedEventAttributes()
	return contract.BatchKey{ID: id, Run: started.GetFirstExecutionRunId()}.String()
}

// doneShard is a shard that a history shows as done.
type doneShard struct {
	number  int
	attempt int32
	existed bool
}

// shards are the shards that a batch's activities have done.
func (c *cluster) shards(id string) (done []doneShard) {
	c.t.Helper()
	numbers, attempts := map[int64]int{}, map[int64]int32{}
	decode := func(e *historypb.HistoryEvent, out any) {
		scheduled, completed := e.GetActivityTaskScheduledEventAttributes().GetInput(), e.GetActivityTaskCompletedEventAttributes().GetResult()
		if scheduled == nil {
			scheduled = completed
		}
		require.NoError(c.t, converter.GetDefaultDataConverter().FromPayloads(scheduled, out))
	}
	for _, e := range history(c.t, c.client(), id) {
		switch {
		case e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == contract.ActivityShard:
			var in contract.ShardInput
			decode(e, &in)
			numbers[e.GetEventId()] = in.Shard
		case e.GetActivityTaskStartedEventAttributes() != nil:
			a := e.GetActivityTaskStartedEventAttributes()
			attempts[a.GetScheduledEventId()] = a.GetAttempt()
		case e.GetActivityTaskCompletedEventAttributes() != nil:
			at := e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()
			if number, ok := numbers[at]; ok {
				var out contract.ShardOutput
				decode(e, &out)
				done = append(done, doneShard{number, attempts[at], out.Existed})
			}
		}
	}
	return done
}

// TestKillBatch terminates a batch, starts it again and kills -9 its worker:
// what is done stays done, and only shards that were under way are done again.
func TestKillBatch(t *testing.T) {
	t.Parallel()
	const shards, parallel, kills = 30, 2, 2
	c := startCluster(t, "", "")
	c.promote(credit("1.0.0"))
	table, rows := applicants(t, 1000*shards, nil)
	c.dataJSON(new(any), "add", filepath.Join(folderOf(t, map[string][]byte{"applicants.csv": table}), "applicants.csv"), "--name", "applicants")
	start := func() {
		out, errs, code := c.slipway("batch", "start", model, "--data", "applicants", "--keys", "id", "--as", "alice",
			"--shard-rows", "1000", "--batch-rows", "1", "--parallel", strconv.Itoa(parallel))
		require.Zero(t, code, "%s%s", out, errs)
	}
	start()
	before := c.untilBatch("credit-risk/1", "began", func(s contract.BatchStatus) bool { return s.ShardsDone >= 4 })
	_, errs, code := c.cli("workflow", "terminate", "--workflow-id", "batch/credit-risk/1")
	require.Zero(t, code, errs)

	start()
	seen := before.ShardsDone
	for range kills {
		seen = c.untilBatch("credit-risk/2", "went on", func(s contract.BatchStatus) bool { return s.ShardsDone > seen+3 }).ShardsDone
		c.daemon.kill()
		c.daemon.start()
		_ = c.daemon.ready()
	}
	out, errs, code := c.slipway("batch", "watch", "credit-risk/2")
	require.Zero(t, code, "%s%s", out, errs)
	done := c.shards("batch/credit-risk/2")
	var numbers []int
	existed, again := 0, 0
	for _, d := range done {
		numbers = append(numbers, d.number)
		if d.existed {
			existed++
		}
		if d.attempt > 1 {
			again++
		}
	}
	slices.Sort(numbers)
	require.Equal(t, shards, len(slices.Compact(slices.Clone(numbers))))
	require.Len(t, numbers, shards, "each shard is done once")
	require.GreaterOrEqual(t, existed, before.ShardsDone, "what the terminated batch has done")
	require.LessOrEqual(t, again, kills*parallel, "only shards that were under way are done again")
	require.Positive(t, again)
	t.Logf("%d shards, %d were there from the terminated batch, %d tried again after %d kills", shards, existed, again, kills)

	dir := t.TempDir()
	_, errs, code = c.data("get", "credit-risk-predictions", "--to", dir)
	require.Zero(t, code, errs)
	got := output(t, dir)
	require.Len(t, got, len(rows))
	predictions, _ := c.asked(rows[:1000])
	for i, p := range got {
		require.Equal(t, fmt.Sprintf("A-%06d", i), p.ID)
		require.Equal(t, predictions[i%1000], *p.Prediction, i)
	}
}

// batchOnBackends predicts on the cluster's backends: PostgreSQL, S3, encryption.
func (c *cluster) batchOnBackends(bucket, key string) {
	t := c.t.(*testing.T)
	library, err := dataversion.Open(t.Context(), dataversion.Config{Catalog: c.dsn, Artifacts: bucket, EncryptionKey: key})
	require.NoError(t, err)
	defer library.Close()
	table, _ := applicants(t, 500, nil)
	path := filepath.Join(t.TempDir(), "applicants.csv")
	require.NoError(t, os.WriteFile(path, table, 0o600))
	_, err = library.Add(t.Context(), path, dataversion.NewVersion{Name: "applicants"}, catalog.Mark{Key: "test", Actor: "ann"}, nil)
	require.NoError(t, err)
	out, errs, code := c.slipway("batch", "start", model, "--data", "applicants", "--keys", "id", "--shard-rows", "200", "--as", "alice", "--watch")
	require.Zero(t, code, "%s%s", out, errs)
	found, err := library.Catalog().Data(t.Context(), "credit-risk-predictions")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, library.Get(t.Context(), found, dataversion.Selection{}, dir, nil))
	require.Len(t, output(t, dir), 500)
}
