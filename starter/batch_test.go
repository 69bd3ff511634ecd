package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
)

func TestBatchUsage(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"batch strat": "did you mean start?", "batch start": "takes MODEL[@VERSION], found none", "batch start m": "--data is missing",
		"batch start m@ --data d": "write MODEL or MODEL@VERSION", "batch start a@b@c --data d": "write MODEL or MODEL@VERSION",
		"batch start m --data d --queue tpu": "want compute or gpu", "batch start m --data d --parallel -1": "no negative numbers",
		"batch start m --data d --dry-run --watch": "--dry-run starts nothing", "batch status m": "write MODEL/N", "batch watch m/1/2": "write MODEL/N",
		"batch cancel /1": "write MODEL/N", "batch list --limit 0": "1 to 1000", "batch list --limit 5000": "1 to 1000",
		"predict --stream --in-flight 0": "1 to 256", "predict --stream --group 0": "1 to 4096", "predict --stream --timeout 0s": "positive duration",
		"predict --stream --input {}": "--stream reads lines",
	} {
		out, errs, code := cli(t, append(strings.Fields(args), "--state", t.TempDir())...)
		require.Equal(t, codeUsage, code, "%s\n%s%s", args, out, errs)
		require.Contains(t, errs, says, args)
	}
}

func TestBatchInputOfFlags(t *testing.T) {
	t.Parallel()
	out, errs, code := cli(t, "batch", "start", "m@1.1.0", "--data", "d@2", "--keys", "a,b", "--path", "x", "--path", "y", "--exclude", "z", "--max-refused", "3",
		"--queue", "gpu", "--name", "out", "--dry-run", "--as", "ann", "--state", t.TempDir())
	require.Zero(t, code, errs)
	var in contract.BatchInput
	require.NoError(t, json.Unmarshal([]byte(out), &in))
	require.Equal(t, contract.BatchInput{
		Model: "m", Version: "1.1.0", Data: "d@2", Keys: []string{"a", "b"}, Paths: []string{"x", "y"}, Exclude: []string{"z"}, MaxRefusedRows: 3, Queue: "gpu", Output: "out", RequestedBy: "ann",
	}, in)
}

func TestParseBatch(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"m/7", "batch/m/7"} {
		name, err := parseBatch(text)
		require.NoError(t, err)
		require.Equal(t, "batch/m/7", name.id())
	}
}

func TestBatchScreens(t *testing.T) {
	t.Parallel()
	v := batchView{Batch: "m/1", BatchStatus: contract.BatchStatus{Phase: contract.BatchRunning, Rows: 1000, RowsDone: 400, Shards: 10, ShardsDone: 4, RowsPerSecond: 50, Refused: 2}, UnderWay: 100}
	require.Equal(t, "running: 500 of 1000 rows, 4 of 10 shards, 50 rows/s, 10s left, 2 refused", batchText(v))

	var printed []int64
	l := &batchLines{print: func(v batchView) { printed = append(printed, v.done()) }}
	for done := int64(0); done <= 1000; done += 20 {
		v.RowsDone, v.UnderWay = done, 0
		l.update(v)
	}
	require.Len(t, printed, 11, "one a tenth")

	var screen bytes.Buffer
	d := newBatchDrawing(&screen, mpb.WithAutoRefresh(), mpb.WithWidth(120))
	v.RowsDone, v.Trouble = 400, "try 2: the store is away"
	d.update(v)
	v.RowsDone, v.Phase = 1000, contract.BatchCompleted
	d.update(v)
	d.close()
	require.Contains(t, screen.String(), "completed: 1000 of 1000 rows")
	require.Contains(t, screen.String(), "the store is away")
}

func TestBatchExitCodes(t *testing.T) {
	t.Parallel()
	for code, c := range map[int]struct {
		phase contract.BatchPhase
		end   error
	}{
		codeStopped: {contract.BatchFailed, temporal.NewApplicationError("x", contract.ErrRefusedRows)},
		codeError:   {contract.BatchFailed, temporal.NewApplicationError("x", contract.ErrModelBroken)},
	} {
		var end exitError
		require.ErrorAs(t, batchError(batchView{BatchStatus: contract.BatchStatus{Phase: c.phase}}, c.end), &end)
		require.Equal(t, code, end.code)
	}
	require.NoError(t, batchError(batchView{BatchStatus: contract.BatchStatus{Phase: contract.BatchCompleted}}, nil))
}

// A gateway that is busy is asked again; one that stays so ends the stream with what it said.
func TestStreamAsksAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Input []map[string]int }
		if calls.Add(1) <= 2 || json.NewDecoder(r.Body).Decode(&in) != nil {
			http.Error(w, `{"error":"too many requests are waiting"}`, http.StatusServiceUnavailable)
			return
		}
		for _, row := range in.Input {
			if row["a"] < 0 {
				http.Error(w, `{"error":"a is negative"}`, http.StatusBadRequest)
				return
			}
		}
		answer := map[string]any{"model": "m", "version": "1"}
		list := make([]int, len(in.Input))
		for i, row := range in.Input {
			list[i] = row["a"]
		}
		answer["prediction"] = list
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer gateway.Close()
	stream := func(input string, timeout time.Duration) (string, error) {
		var out bytes.Buffer
		a := &app{stdin: strings.NewReader(input), stdout: &out, stderr: &bytes.Buffer{}, getenv: func(string) string { return "" }, options: Options{Gateway: gateway.URL}}
		err := a.runStream(context.Background(), PredictOptions{InFlight: 2, Group: 4, Timeout: timeout})
		return out.String(), err
	}
	out, err := stream("{\"a\":1}\n{\"a\":-2}\n\n{\"a\":3}\n"+strings.Repeat("x", maxLine+10)+"\n{\"a\":5}", time.Minute)
	require.ErrorContains(t, err, "2 of 5 lines have no prediction")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 5)
	for i, want := range []string{`{"line":1,"prediction":1,"model":"m","version":"1"}`, `{"line":2,"error":"a is negative"}`, `{"line":4,"prediction":3,`, `{"line":5,"error":"the line has more than`, `{"line":6,"prediction":5,`} {
		require.Contains(t, lines[i], want)
	}
	calls.Store(-1 << 40)
	_, err = stream("{\"a\":1}\n", 200*time.Millisecond)
	require.ErrorContains(t, err, "no prediction within 200ms (--timeout)")
	require.ErrorContains(t, err, "too many requests are waiting")
}
