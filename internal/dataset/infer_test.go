package dataset_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

func inferFile(t *testing.T, path string) *dataset.Schema {
	t.Helper()
	src, err := dataset.OpenSource(path, dataset.SourceOptions{})
	require.NoError(t, err)
	s, err := dataset.Infer(context.Background(), src)
	require.NoError(t, err)
	require.NoError(t, src.Close())
	b, err := s.YAML()
	require.NoError(t, err)
	s, err = dataset.ParseSchema("inferred.yaml", b)
	require.NoError(t, err, string(b))
	return s
}

func checkFile(t *testing.T, path string, s *dataset.Schema) dataset.Report {
	t.Helper()
	src, err := dataset.OpenSource(path, dataset.SourceOptions{})
	require.NoError(t, err)
	report, err := dataset.Check(context.Background(), src, s, dataset.CheckOptions{})
	require.NoError(t, err)
	require.NoError(t, src.Close())
	return report
}

// TestInferredSchemaPassesAnotherSample takes the parts of real tables in turn.
func TestInferredSchemaPassesAnotherSample(t *testing.T) {
	t.Parallel()
	for folder, files := range map[string][]string{"credit-risk": {"train.csv", "test.csv", "live.csv", "german.csv"}, "mnist": {"train.csv", "test.csv"}} {
		base := filepath.Join("..", "..", "examples", folder, "data")
		for _, from := range files {
			s := inferFile(t, filepath.Join(base, from))
			for _, to := range files {
				report := checkFile(t, filepath.Join(base, to), s)
				require.True(t, report.Passed, "%s: schema of %s, data of %s: %v", folder, from, to, report.Failures)
			}
		}
	}
}

// TestInferredSchemaRefusesBrokenTables breaks a real table in ways that happen.
func TestInferredSchemaRefusesBrokenTables(t *testing.T) {
	t.Parallel()
	base := filepath.Join("..", "..", "examples", "credit-risk", "data")
	s := inferFile(t, filepath.Join(base, "train.csv"))
	b, err := os.ReadFile(filepath.Join(base, "test.csv"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	edit := func(column int, change func(string) string) string {
		out := lines[0] + "\n"
		for _, l := range lines[1:] {
			cells := strings.Split(l, ",")
			cells[column] = change(cells[column])
			out += strings.Join(cells, ",") + "\n"
		}
		return out
	}
	for name, text := range map[string]string{
		"a column less":     strings.ReplaceAll(edit(0, func(string) string { return "" }), "sex,", "gender,"),
		"nulls":             edit(1, func(string) string { return "" }),
		"another type":      edit(1, func(v string) string { return v + " years" }),
		"another unit":      edit(17, func(v string) string { return v + "000" }),
		"another sign":      edit(17, func(v string) string { return "-" + v }),
		"words changed":     edit(6, strings.ToUpper),
		"codes for words":   edit(0, func(v string) string { return v[:1] }),
		"columns exchanged": strings.Replace(string(b), "sex,age", "age,sex", 1),
	} {
		require.False(t, check(t, text, s, dataset.CheckOptions{}).Passed, name)
	}
	require.False(t, checkFile(t, filepath.Join("..", "..", "examples", "mnist", "data", "test.csv"), s).Passed)
}

// TestInferReadsWhatPeopleMean looks at columns whose text means something.
func TestInferReadsWhatPeopleMean(t *testing.T) {
	t.Parallel()
	header := "id,zip,price,when,us_date,mixed,ambiguous,share,flag,email,gap,stamp"
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(header, ",", ";") + "\n")
	for i := range 200 {
		d := []byte("00")
		d[0], d[1] = byte('0'+(i%28+1)/10), byte('0'+(i%28+1)%10)
		day := string(d)
		gap := "NA"
		if i%3 > 0 {
			gap = "1" + day
		}
		mixed := "2025-03-" + day
		if i%2 == 0 {
			mixed = day + ".03.2025"
		}
		b.WriteString(strings.Join([]string{
			"1" + day + string(rune('0'+i/28)), "0" + day + "12", "1" + day + ",50", day + ".01.2025", "01/" + day + "/2025", mixed, "01/02/2025",
			"0." + day, []string{"true", "FALSE"}[i%2], "u" + day + "@example.com", gap, "2025-01-" + day + "T10:00:00Z",
		}, ";") + "\n")
	}
	s, err := dataset.Infer(context.Background(), open(t, b.String(), "t.csv", dataset.SourceOptions{BatchRows: 64}))
	require.NoError(t, err)
	rules := map[string]dataset.Rule{}
	for _, r := range s.Columns {
		rules[r.Name] = r
	}
	require.Equal(t, dataset.Integer, rules["id"].Type)
	require.Equal(t, dataset.String, rules["zip"].Type, "a code, not a quantity")
	require.Equal(t, dataset.Number, rules["price"].Type)
	require.Equal(t, dataset.DecimalComma, rules["price"].Decimal)
	require.Equal(t, dataset.Date, rules["when"].Type)
	require.Equal(t, []string{"%d.%m.%Y"}, rules["when"].Formats)
	require.Equal(t, []string{"%m/%d/%Y"}, rules["us_date"].Formats)
	require.Equal(t, []string{"iso", "%d.%m.%Y"}, rules["mixed"].Formats)
	require.Equal(t, dataset.Category, rules["ambiguous"].Type, "day or month first: nobody can tell")
	require.InDelta(t, 1, *rules["share"].Checks[0].Max, 0)
	require.Equal(t, dataset.Boolean, rules["flag"].Type)
	require.True(t, rules["email"].Personal)
	require.Empty(t, rules["email"].Values)
	require.Equal(t, []string{"NA"}, rules["gap"].NullValues)
	require.True(t, rules["gap"].Nullable)
	require.Equal(t, dataset.Datetime, rules["stamp"].Type)
	require.True(t, check(t, b.String(), s, dataset.CheckOptions{}).Passed)
}

func TestProfile(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "examples", "credit-risk", "data", "train.csv")
	src, err := dataset.OpenSource(path, dataset.SourceOptions{})
	require.NoError(t, err)
	p, err := dataset.ProfileOf(context.Background(), src, dataset.ProfileOptions{})
	require.NoError(t, err)
	require.NoError(t, src.Close())
	require.Equal(t, int64(600), p.Rows)
	require.Len(t, p.Columns, 21)
	for _, c := range p.Columns {
		total := int64(0)
		for _, n := range c.Counts {
			total += n
		}
		require.Equal(t, int64(600), total, c.Name)
	}
	html, err := p.HTML()
	require.NoError(t, err)
	require.Equal(t, 21, strings.Count(string(html), "<svg"))
	_, err = dataset.ParseProfile("p.json", []byte(`{"version": 2}`))
	require.ErrorContains(t, err, "version 2, known is 1")
	_, err = dataset.ParseProfile("p.json", []byte(`{"version": 1, "columns": [{"edges": [2, 1], "counts": [1, 1, 1]}]}`))
	require.ErrorContains(t, err, "edges must rise")
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(`{"version": 1, "columns": [{"name": "a", "edges": [1, 2], "counts": [1, 1, 1], "numbers": {"n": 3, "std": 1}}]}`))
	f.Add([]byte(`{"version": 1, "rows": 2, "columns": [{"name": "a", "edges": [1], "counts": [1, 1], "sample": [1, 2], "numbers": {"n": 2}}]}`))
	f.Add([]byte(`{"version": 1, "columns": [{"name": "a", "values": ["x"], "counts": [1, 1]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := dataset.ParseProfile("p.json", b)
		if err != nil {
			return
		}
		s := schema(t, "extra: allow\nrows: {of_reference: {min: 1}}\ncolumns: [{name: a, type: number, psi: 1, kl: 1, linf: 1, jsd: 1, chi2_p: 0, ks_p: 0, wasserstein: 1, mean_shift: 1}]")
		check(t, "a\n1\n2\n", s, dataset.CheckOptions{Reference: p})
	})
}
