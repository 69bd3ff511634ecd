package batch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// benchRows is how many rows of the credit-risk example a benchmark predicts.
const benchRows = 1_000_000

// manyCredits are so many rows as CSV.
func manyCredits(b testing.TB, n int) []byte {
	b.Helper()
	some := credits(b, 1000, nil)
	header, rows, _ := strings.Cut(some, "\n")
	return append([]byte(header+"\n"), bytes.Repeat([]byte(rows), n/1000)...)
}

// BenchmarkJob predicts a million rows of CSV, one shard, by one process: reading, the way into the process and
// back, and the output included.
func BenchmarkJob(b *testing.B) {
	model, m := content(b, examples, "credit-risk", "models", "1.1.0.onnx"), creditModel("1.1.0")
	table := manyCredits(b, benchRows)
	for _, rows := range []int{256, 1024, 4096} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			loaded := isolated(b, model, m)
			for b.Loop() {
				src, err := dataset.NewSource(bytes.NewReader(table), int64(len(table)), "table.csv", dataset.SourceOptions{})
				require.NoError(b, err)
				counts, err := Job{Plan: &Plan{Model: m, Keys: []string{"id"}, BatchRows: rows}, Model: loaded}.Run(context.Background(), src, io.Discard)
				require.NoError(b, err)
				require.EqualValues(b, benchRows, counts.Rows)
			}
			b.ReportMetric(benchRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkFloor is ONNX Runtime in this process, called in a loop on tensors that are there.
func BenchmarkFloor(b *testing.B) {
	model := content(b, examples, "credit-risk", "models", "1.1.0.onnx")
	rt, err := onnx.Find()
	require.NoError(b, err)
	table := manyCredits(b, 5000)
	for _, threads := range []int{1, runtime.NumCPU()} {
		for _, rows := range []int{256, 1024, 4096} {
			b.Run(fmt.Sprintf("threads=%d/%d", threads, rows), func(b *testing.B) {
				session, err := rt.Open(model, onnx.Options{Device: onnx.DeviceCPU, Threads: threads})
				require.NoError(b, err)
				defer session.Close()
				in := tensorsOf(b, session.Inputs(), table, rows)
				ran := 0
				for b.Loop() {
					for n := 0; n < benchRows; n += rows {
						_, err := session.Run(context.Background(), in)
						require.NoError(b, err)
						ran += rows
					}
				}
				b.ReportMetric(float64(ran)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// tensorsOf are the model's inputs for the first rows of a table.
func tensorsOf(b testing.TB, inputs []onnx.Info, table []byte, rows int) []onnx.Tensor {
	b.Helper()
	mapper, err := feature.NewMapper(inputs)
	require.NoError(b, err)
	src, err := dataset.NewSource(bytes.NewReader(table), int64(len(table)), "table.csv", dataset.SourceOptions{BatchRows: rows})
	require.NoError(b, err)
	batch, err := src.Next(context.Background())
	require.NoError(b, err)
	want, err := mapper.Wants(nil)
	require.NoError(b, err)
	cells, err := dataset.NewCells(src.Schema(), want, nil)
	require.NoError(b, err)
	cells.Read(batch)
	all := make([]int, rows)
	for i := range all {
		all[i] = i
	}
	return mapper.FromCells(cells, all)
}

// Memory does not grow with the rows: what lives after 300,000 is what lived after 50,000.
func TestJobMemory(t *testing.T) { //nolint:paralleltest // other tests would take memory meanwhile
	model := content(t, examples, "credit-risk", "models", "1.1.0.onnx")
	rt, err := onnx.Find()
	require.NoError(t, err)
	runtimeHere, err := serving.NewONNX(rt, onnx.Options{Device: onnx.DeviceCPU})
	require.NoError(t, err)
	loaded, err := runtimeHere.Load(t.Context(), model, spec.Model{Task: spec.Classification})
	require.NoError(t, err)
	defer loaded.Close()
	table := manyCredits(t, 300_000)
	src, err := dataset.NewSource(bytes.NewReader(table), int64(len(table)), "table.csv", dataset.SourceOptions{})
	require.NoError(t, err)
	var early, late uint64
	job := Job{Plan: &Plan{Model: creditModel("1.1.0"), Keys: []string{"id"}, BatchRows: 4096}, Model: loaded, Progress: func(rows int64) {
		switch {
		case early == 0 && rows >= 50_000:
			early = alive()
		case late == 0 && rows >= 300_000:
			late = alive()
		}
	}}
	counts, err := job.Run(t.Context(), src, io.Discard)
	require.NoError(t, err)
	require.EqualValues(t, 300_000, counts.Rows)
	require.NotZero(t, late)
	require.Less(t, late, early+32<<20, "%d MB after 50,000 rows, %d MB after 300,000", early>>20, late>>20)
}

func alive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
