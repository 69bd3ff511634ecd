package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// golden is what testdata/golden.py writes.
type golden struct {
	Rows    int `json:"rows"`
	Numbers map[string]struct {
		N, Nulls, Distinct                    int
		Mean, Std, Min, P25, Median, P75, Max float64
	} `json:"numbers"`
	Broken    map[string]int                `json:"broken"`
	Distances map[string]map[string]float64 `json:"distances"`
}

func readGolden(t *testing.T) (g golden, csv []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &g))
	csv, err = os.ReadFile(filepath.Join("testdata", "golden.csv"))
	require.NoError(t, err)
	return g, csv
}

const goldenSchema = `
columns:
  - {name: normal, type: number}
  - {name: heavy, type: number, min: -500, below: 700}
  - {name: count, type: integer, values: [1, 2, 3], unique: true, sorted: increasing}
  - {name: gaps, type: number, max: 0.9}
  - {name: word, type: string, pattern: "[a-z]+", max_length: 4}
  - {name: day, type: date, earliest: 2024-06-01}
checks:
  - {unique: [word, day]}
  - {rule: count * 2 > gaps}
`

// TestAgreesWithPandas compares with what pandas and NumPy say.
func TestAgreesWithPandas(t *testing.T) {
	t.Parallel()
	g, _ := readGolden(t)
	s, err := ParseSchema("s.yaml", []byte(goldenSchema))
	require.NoError(t, err)
	src, err := OpenSource(filepath.Join("testdata", "golden.csv"), SourceOptions{BatchRows: 77})
	require.NoError(t, err)
	report, err := Check(context.Background(), src, s, CheckOptions{})
	require.NoError(t, err)
	require.NoError(t, src.Close())
	require.Equal(t, g.Rows, report.Rows)
	found := map[string]int{}
	for _, f := range report.Failures {
		found[f.Column+": "+f.Expectation] = f.Rows
	}
	require.Equal(t, g.Broken, found)
	for _, c := range report.Columns {
		want, numeric := g.Numbers[c.Name]
		if !numeric {
			continue
		}
		require.Equal(t, want.Nulls, c.Nulls, c.Name)
		require.Equal(t, want.Distinct, c.Distinct, c.Name)
		require.Equal(t, want.N, c.Numbers.N, c.Name)
		for name, pair := range map[string][2]float64{
			"mean": {want.Mean, c.Numbers.Mean}, "std": {want.Std, c.Numbers.Std}, "min": {want.Min, c.Numbers.Min}, "p25": {want.P25, c.Numbers.P25},
			"median": {want.Median, c.Numbers.Median}, "p75": {want.P75, c.Numbers.P75}, "max": {want.Max, c.Numbers.Max},
		} {
			require.InEpsilon(t, pair[0], pair[1], 1e-9, "%s of %s", name, c.Name)
		}
	}
}

// TestDistancesAgreeWithNumPy compares the halves of the table.
func TestDistancesAgreeWithNumPy(t *testing.T) {
	t.Parallel()
	g, csv := readGolden(t)
	table, err := ReadCSV(bytes.NewReader(csv), "golden.csv", CSVOptions{})
	require.NoError(t, err)
	ref, err := ProfileOf(context.Background(), TableSource(table.Slice(0, g.Rows/2)), ProfileOptions{})
	require.NoError(t, err)
	for column, want := range g.Distances {
		c := newColumnState(0, table.Record().Schema().Field(table.index[column]), meaning{kind: table.columns[table.index[column]].Kind}, 1)
		of := ref.column(column)
		limit := 0.0
		c.distances(&Expect{PSI: &limit}, of, func(string, string, func(*columnState) verdict) {})
		part := table.Slice(g.Rows/2, g.Rows)
		var draw lottery
		draw.draw(0, part.Rows(), c.sample.bound)
		c.v.read(part.record.Column(table.index[column]), c.m, 0)
		c.observe(lineNumbers{}, &draw)
		c.finish()
		p, q, _, problem := c.shares(of)
		require.Empty(t, problem)
		require.InEpsilon(t, want["psi"], populationStability(p, q), 1e-9, column)
		require.InEpsilon(t, want["kl"], kullbackLeibler(p, q), 1e-9, column)
		require.InEpsilon(t, want["linf"], largestDifference(p, q), 1e-9, column)
	}
}
