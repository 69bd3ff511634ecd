package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Each row of the output is what ONNX Runtime says of that row alone, with its key.
func TestJobEqualsONNXRuntime(t *testing.T) {
	t.Parallel()
	model, m := content(t, examples, "credit-risk", "models", "1.1.0.onnx"), creditModel("1.1.0")
	text := credits(t, 1000, nil)
	rows := records(t, []byte(text))
	var asked []map[string]any
	numbers := map[string]bool{}
	for _, in := range isolated(t, model, m).Inputs() {
		numbers[in.Name] = in.Type.Float()
	}
	for _, record := range rows[1:] {
		row := map[string]any{}
		for c, name := range rows[0] {
			if row[name] = record[c]; numbers[name] {
				v, err := strconv.ParseFloat(record[c], 64)
				require.NoError(t, err)
				row[name] = v
			}
		}
		asked = append(asked, row)
	}
	want := reference(t, model, m, asked)
	for _, batchRows := range []int{1, 7, 256, 4096} {
		t.Run(fmt.Sprint(batchRows), func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			var seen int64
			job := Job{
				Plan: &Plan{Model: m, Keys: []string{"id", "purpose"}, BatchRows: batchRows}, Model: isolated(t, model, m), First: 5000,
				Progress: func(rows int64) { seen = rows },
			}
			counts, err := job.Run(t.Context(), table(t, text), &out)
			require.NoError(t, err)
			require.Equal(t, Counts{Rows: 1000}, counts)
			require.EqualValues(t, 1000, seen)
			columns, got := outputRows(t, out.Bytes())
			require.Equal(t, []string{"id", "purpose", "row", "prediction", "probabilities", "model_version", "error"}, columns)
			require.Len(t, got, 1000)
			for i, row := range got {
				require.Equal(t, rows[i+1][0], row["id"])
				require.Equal(t, asked[i]["purpose"], row["purpose"])
				require.EqualValues(t, 5001+i, row["row"])
				require.Equal(t, *want[i].Label, row["prediction"], i)
				require.InDeltaSlice(t, want[i].Probabilities, row["probabilities"], 1e-6, i)
				require.Equal(t, "1.1.0", row["model_version"])
				require.Nil(t, row["error"])
			}
			var again bytes.Buffer
			_, err = job.Run(t.Context(), table(t, text), &again)
			require.NoError(t, err)
			require.True(t, bytes.Equal(out.Bytes(), again.Bytes()), "the same input gives the same bytes")
		})
	}
}

// Rows that can't be given to the model, and rows that it fails on, are refused one by one.
func TestJobRefusesRows(t *testing.T) {
	t.Parallel()
	model, m := content(t, examples, "credit-risk", "models", "1.3.0.onnx"), creditModel("1.3.0")
	// The model's table of durations ends at 36 months.
	change := func(i int, row map[string]string) {
		row["duration"] = "12"
		switch i {
		case 3:
			row["age"] = "forty"
		case 50:
			row["housing"] = ""
		case 77, 78, 199:
			row["duration"] = "60"
		case 120:
			row["credit_amount"] = "1e300"
		case 121:
			row["credit_amount"] = "" // NaN is for the model to deal with: this one can't
		}
	}
	text := credits(t, 200, change)
	plan := &Plan{Model: m, Keys: []string{"id"}, BatchRows: 64}
	job := Job{Plan: plan, Model: isolated(t, model, m), MaxRefused: 7}
	var out bytes.Buffer
	counts, err := job.Run(t.Context(), table(t, text), &out)
	require.NoError(t, err)
	_, rows := outputRows(t, out.Bytes())
	require.Len(t, rows, 200)
	why := map[int]string{
		4: "column age: the value is no number, the model wants float32", 51: "column housing: no value, the model wants string",
		78: "model failed", 79: "model failed", 200: "model failed", 121: "column credit_amount: too large a number, the model wants float32",
		122: "the prediction is not a finite number",
	}
	for i, row := range rows {
		if want, refused := why[i+1]; refused {
			require.Contains(t, row["error"], want, i+1)
			require.Nil(t, row["prediction"])
			require.Nil(t, row["probabilities"])
			continue
		}
		require.Nil(t, row["error"], i+1)
		require.NotNil(t, row["prediction"], i+1)
	}
	require.EqualValues(t, 200, counts.Rows)
	require.EqualValues(t, len(why), counts.Refused)
	require.Len(t, counts.Refusals, maxRefusals)

	job.MaxRefused = 6
	_, err = job.Run(t.Context(), table(t, text), io.Discard)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "row 4: column age")

	// Where columns are personal, what the model says of a row stays with it.
	job.MaxRefused, job.Plan = 7, &Plan{Model: m, BatchRows: 64, Sensitive: []string{"age"}}
	out.Reset()
	_, err = job.Run(t.Context(), table(t, text), &out)
	require.NoError(t, err)
	_, rows = outputRows(t, out.Bytes())
	require.Equal(t, "the model fails on the row", rows[77]["error"])
}

func TestJobMasksKeys(t *testing.T) {
	t.Parallel()
	model, m := content(t, examples, "credit-risk", "models", "1.1.0.onnx"), creditModel("1.1.0")
	schema, err := dataset.ParseSchema("schema.yaml", []byte(`
extra: allow
columns:
  - {name: id, type: string, personal: true, mask: token}
  - {name: age, type: integer, personal: true}
  - {name: sex, type: string, personal: true, mask: drop}
  - {name: purpose, type: string}
`))
	require.NoError(t, err)
	mask, err := dataset.NewMasker(bytes.Repeat([]byte("k"), 32), schema)
	require.NoError(t, err)
	text := credits(t, 50, nil)
	var out bytes.Buffer
	job := Job{Plan: &Plan{Model: m, Keys: []string{"id", "age", "sex", "purpose"}, BatchRows: 16}, Model: isolated(t, model, m), Schema: schema, Mask: mask}
	_, err = job.Run(t.Context(), table(t, text), &out)
	require.NoError(t, err)
	columns, rows := outputRows(t, out.Bytes())
	require.Equal(t, []string{"id", "age", "purpose", "row", "prediction", "probabilities", "model_version", "error"}, columns)
	for i, record := range records(t, []byte(text))[1:] {
		token, _ := mask.Value("id", record[0])
		require.Equal(t, token, rows[i]["id"])
		require.NotContains(t, out.String(), record[0])
		hash, _ := mask.Value("age", record[2])
		require.Equal(t, hash, rows[i]["age"])
	}
}

// A model that takes one matrix gets the columns that are neither keys nor excluded.
func TestJobOfMatrixModel(t *testing.T) {
	t.Parallel()
	model := content(t, examples, "mnist", "models", "1.0.0.onnx")
	m := Model{Name: "mnist", Version: "1.0.0", Task: spec.Classification}
	text := string(content(t, examples, "mnist", "data", "test.csv"))
	var out bytes.Buffer
	job := Job{Plan: &Plan{Model: m, Keys: []string{"digit"}, BatchRows: 100}, Model: isolated(t, model, m)}
	counts, err := job.Run(t.Context(), table(t, text), &out)
	require.NoError(t, err)
	_, rows := outputRows(t, out.Bytes())
	right := 0
	for _, row := range rows {
		if row["digit"] == strconv.FormatInt(row["prediction"].(int64), 10) {
			right++
		}
	}
	require.Greater(t, float64(right), 0.9*float64(counts.Rows), "the columns are in their order")

	job.Plan = &Plan{Model: m, BatchRows: 100}
	_, err = job.Run(t.Context(), table(t, text), io.Discard)
	require.ErrorIs(t, err, ErrPlan)
	require.ErrorContains(t, err, "exclude those that are no features")
}

func TestJobOfWrongTable(t *testing.T) {
	t.Parallel()
	model, m := content(t, examples, "credit-risk", "models", "1.1.0.onnx"), creditModel("1.1.0")
	loaded := isolated(t, model, m)
	run := func(keys []string, text string) error {
		_, err := Job{Plan: &Plan{Model: m, Keys: keys, BatchRows: 10}, Model: loaded}.Run(t.Context(), table(t, text), io.Discard)
		return err
	}
	err := run(nil, "a,b\n1,2\n")
	require.ErrorIs(t, err, ErrPlan)
	require.ErrorContains(t, err, "credit_amount")
	text := credits(t, 3, nil)
	require.ErrorContains(t, run([]string{"name"}, text), `no key column "name"`)
	require.ErrorIs(t, run(nil, text+"ragged\n"), dataset.ErrCSV)
}

// Whatever ends the writing or the reading ends the job, with its reason.
func TestJobEnds(t *testing.T) {
	t.Parallel()
	model, m := content(t, examples, "credit-risk", "models", "1.1.0.onnx"), creditModel("1.1.0")
	full := errors.New("the disk is full")
	job := Job{Plan: &Plan{Model: m, BatchRows: 10}, Model: isolated(t, model, m)}
	_, err := job.Run(t.Context(), table(t, credits(t, 200, nil)), failing{full})
	require.ErrorIs(t, err, full)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestChecker(t *testing.T) {
	t.Parallel()
	model, m := content(t, examples, "credit-risk", "models", "1.1.0.onnx"), creditModel("1.1.0")
	loaded := isolated(t, model, m)
	schema, err := dataset.ParseSchema("schema.yaml", []byte("extra: allow\ncolumns: [{name: id, type: string, personal: true}]\n"))
	require.NoError(t, err)
	check := func(p Plan, s *dataset.Schema) (*Checker, []string, error) {
		p.Model = m
		return p.NewChecker(loaded.Inputs(), loaded.Outputs(), s)
	}
	_, personal, err := check(Plan{Keys: []string{"purpose", "id"}}, schema)
	require.NoError(t, err)
	require.Equal(t, []string{"id"}, personal)
	for why, p := range map[string]Plan{
		"a column of its own":                     {Keys: []string{"prediction"}},
		"named twice":                             {Keys: []string{"id", "id"}},
		"says the model's release: name a schema": {Keys: []string{"sex"}, Sensitive: []string{"sex"}},
	} {
		_, _, err := check(p, nil)
		require.ErrorIs(t, err, ErrPlan, why)
		require.ErrorContains(t, err, why)
	}
	c, _, err := check(Plan{Keys: []string{"id"}}, nil)
	require.NoError(t, err)
	text := credits(t, 2, nil)
	require.NoError(t, c.Table("a.csv", table(t, text).Schema()))
	require.ErrorContains(t, c.Table("b.csv", table(t, "id\n1\n").Schema()), "b.csv")
	lines := `{"id":1` + strings.Repeat(`,"x":0`, 0) + "}\n"
	src, err := dataset.NewSource(strings.NewReader(lines), int64(len(lines)), "c.jsonl", dataset.SourceOptions{})
	require.NoError(t, err)
	require.ErrorIs(t, c.Table("c.jsonl", src.Schema()), ErrPlan)
	require.Equal(t, 4096, UsualRows(loaded.Inputs()))
}
