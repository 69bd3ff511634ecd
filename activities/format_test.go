package activities_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
)

// tableOf reads a CSV table of an example.
func tableOf(t *testing.T, content []byte) *dataset.Table {
	t.Helper()
	table, err := dataset.ReadCSV(bytes.NewReader(content), "t.csv", dataset.CSVOptions{})
	require.NoError(t, err)
	return table
}

func asParquet(t *testing.T, content []byte) []byte {
	t.Helper()
	record := tableOf(t, content).Record()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(record.Schema(), &out, nil, pqarrow.DefaultWriterProps())
	require.NoError(t, err)
	require.NoError(t, w.Write(record))
	require.NoError(t, w.Close())
	return out.Bytes()
}

func asJSONLines(t *testing.T, content []byte) []byte {
	t.Helper()
	table := tableOf(t, content)
	var out bytes.Buffer
	for i := range table.Rows() {
		require.NoError(t, json.NewEncoder(&out).Encode(table.Row(i)))
	}
	return out.Bytes()
}

// The gates find the same whatever format the tables are in.
func TestGatesReadEveryFormat(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.candidate("1.1.0")
	want := do[contract.Verdict](b, contract.ActivityTestModel, in)
	require.Positive(t, want.Metrics["accuracy"])
	valid := do[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: in.Key, Data: in.Data})
	for ext, convert := range map[string]func(*testing.T, []byte) []byte{"parquet": asParquet, "jsonl": asJSONLines} {
		other := in
		for _, table := range other.Data.Tables() {
			name := strings.TrimSuffix(table.File.Path, "csv") + ext
			*table.File = b.file(name, convert(t, b.content(*table.File)))
		}
		fixed := do[contract.FixDataOutput](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", ext), Data: other.Data, By: requester})
		verdict := do[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: in.Key, Data: fixed.Resolve(other.Data)})
		require.True(t, verdict.Passed, verdict.Summary)
		require.Equal(t, valid.Metrics, verdict.Metrics, ext)
		found := do[contract.Verdict](b, contract.ActivityTestModel, other)
		require.True(t, found.Passed, found.Summary)
		for _, name := range []string{"accuracy", "log_loss", "auc"} {
			require.InDelta(t, want.Metrics[name], found.Metrics[name], 1e-12, "%s of %s", name, ext)
		}
		warm := do[contract.WarmOutput](b, contract.ActivityWarm, contract.WarmInput{Key: in.Key, Model: in.Model, Data: other.Data})
		require.Equal(t, 50, warm.Rows)
	}
}

// npz packs images and digits as NumPy does: x of shape (n, 784) in bytes, digit of shape (n).
func npz(t *testing.T, table *dataset.Table) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	array := func(name, kind, shape string, values any) {
		w, err := archive.Create(name + ".npy")
		require.NoError(t, err)
		header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, shape)
		header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
		_, err = w.Write([]byte("\x93NUMPY\x01\x00"))
		require.NoError(t, err)
		require.NoError(t, binary.Write(w, binary.LittleEndian, uint16(len(header))))
		_, err = w.Write([]byte(header))
		require.NoError(t, err)
		require.NoError(t, binary.Write(w, binary.LittleEndian, values))
	}
	rows := table.Rows()
	x, digits := make([]uint8, rows*784), make([]int64, rows)
	for i, c := range table.Columns() {
		values, err := table.Floats(c.Name)
		require.NoError(t, err)
		for row, v := range values {
			if c.Name == "digit" {
				digits[row] = int64(v)
			} else {
				x[row*784+i] = uint8(v)
			}
		}
	}
	array("x", "|u1", fmt.Sprintf("%d, 784", rows), x)
	array("digit", "<i8", fmt.Sprintf("%d,", rows), digits)
	require.NoError(t, archive.Close())
	return out.Bytes()
}

func TestGatesReadNPZ(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := filepath.Join("..", "examples", "mnist", "release-1.0.0.yaml")
	r, err := spec.Load(path)
	require.NoError(t, err)
	model, err := os.ReadFile(r.Model.Artifact.At(path))
	require.NoError(t, err)
	table := func(name string, from spec.File) spec.File {
		content, err := os.ReadFile(from.At(path))
		require.NoError(t, err)
		return b.file(name, npz(t, tableOf(t, content)))
	}
	r.Model.Artifact = b.put("model.onnx", model)
	r.Data.Test, r.Data.Train = table("test.npz", r.Data.Test), table("train.npz", r.Data.Train)
	r.Data.Reference = r.Data.Train
	r.Data.Schema = b.put("schema.yaml", []byte(`columns: [{name_pattern: 'x\.[0-9]+', count: 784, type: integer, min: 0, max: 255}, {name: digit, type: integer, min: 0, max: 9, label: true}]`))
	verdict := do[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.0.0", "r1"), Data: r.Data})
	require.True(t, verdict.Passed, verdict.Summary)
	r.Tests.LatencyMS, r.Tests.MemoryMB = 1e6, 1e6
	found := do[contract.Verdict](b, contract.ActivityTestModel, contract.TestModelInput{Key: key("1.0.0", "r1"), Model: r.Model, Data: r.Data, Tests: r.Tests})
	require.True(t, found.Passed, found.Summary)
	require.Greater(t, found.Metrics["accuracy"], 0.9)
}
