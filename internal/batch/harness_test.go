package batch

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/spec"
)

// TestMain makes the test binary the child that models run in.
func TestMain(m *testing.M) {
	sandbox.Serve(modelserver.Entries())
	os.Exit(m.Run())
}

const examples = "../../examples"

func content(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return b
}

func creditModel(version string) Model {
	return Model{Name: "credit-risk", Version: version, Task: spec.Classification}
}

// isolated loads a model into a child.
func isolated(t testing.TB, model []byte, m Model) Inferer {
	t.Helper()
	loaded, err := Loader{Config: modelserver.Config{Device: onnx.DeviceCPU}}.Load(context.Background(), model, m, 1)
	require.NoError(t, err)
	t.Cleanup(func() { _ = loaded.Close() })
	return loaded
}

// table is CSV text as a source.
func table(t testing.TB, text string) dataset.Source {
	t.Helper()
	src, err := dataset.NewSource(strings.NewReader(text), int64(len(text)), "table.csv", dataset.SourceOptions{})
	require.NoError(t, err)
	return src
}

// outputRow is a row of an output, by column; nil is null.
type outputRow map[string]any

// outputRows reads an output.
func outputRows(t testing.TB, parquet []byte) (columns []string, rows []outputRow) {
	t.Helper()
	src, err := dataset.NewSource(bytes.NewReader(parquet), int64(len(parquet)), "part.parquet", dataset.SourceOptions{})
	require.NoError(t, err)
	for _, f := range src.Schema().Fields() {
		columns = append(columns, f.Name)
	}
	for {
		batch, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return columns, rows
		}
		require.NoError(t, err)
		for i := range int(batch.NumRows()) {
			row := outputRow{}
			for c, name := range columns {
				row[name] = value(batch.Column(c), i)
			}
			rows = append(rows, row)
		}
		batch.Release()
	}
}

func value(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.List:
		from, to := a.ValueOffsets(i)
		return slices.Clone(a.ListValues().(*array.Float64).Float64Values()[from:to])
	}
	return a.ValueStr(i)
}

// records reads CSV, the header first.
func records(t testing.TB, text []byte) [][]string {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	return all
}

func text(t testing.TB, rows [][]string) string {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	require.NoError(t, w.WriteAll(rows))
	return b.String()
}

// credits are the example's test rows with an id before them and the given changes, by row from 0.
func credits(t testing.TB, n int, change func(i int, row map[string]string)) string {
	t.Helper()
	all := records(t, content(t, examples, "credit-risk", "data", "test.csv"))
	header, rows := all[0], all[1:]
	out := [][]string{append([]string{"id"}, header...)}
	for i := range n {
		named := map[string]string{}
		for c, name := range header {
			named[name] = rows[i%len(rows)][c]
		}
		named["id"] = "A-" + strings.Repeat("0", i%3) + string(rune('a'+i%26))
		if change != nil {
			change(i, named)
		}
		row := make([]string, len(out[0]))
		for c, name := range out[0] {
			row[c] = named[name]
		}
		out = append(out, row)
	}
	return text(t, out)
}

// reference asks ONNX Runtime in this process, row by row, as a client with JSON would.
func reference(t testing.TB, model []byte, m Model, rows []map[string]any) []feature.Prediction {
	t.Helper()
	runtime, err := onnx.Find()
	require.NoError(t, err)
	session, err := runtime.Open(model, onnx.Options{Device: onnx.DeviceCPU})
	require.NoError(t, err)
	defer session.Close()
	mapper, err := feature.NewMapper(session.Inputs())
	require.NoError(t, err)
	var out []feature.Prediction
	for _, row := range rows {
		in, err := mapper.FromRows([]map[string]any{row})
		require.NoError(t, err)
		answer, err := session.Run(t.Context(), in)
		require.NoError(t, err)
		p, err := feature.Predictions(answer, m.Outputs, m.Task)
		require.NoError(t, err)
		out = append(out, p...)
	}
	return out
}
