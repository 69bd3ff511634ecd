package dataset_test

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

func readCSV(t testing.TB, text string, schema *dataset.Schema) *dataset.Table {
	t.Helper()
	table, err := dataset.ReadCSV(strings.NewReader(text), "test.csv", dataset.CSVOptions{Schema: schema})
	require.NoError(t, err)
	return table
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	table := readCSV(t, "\xef\xbb\xbfid, name ,score,ok,mixed,none\r\n1,\"a, \"\"b\"\"\",1.5,true,1,\r\n2,\"two\nlines\",2,FALSE,x,\r\n3,,,,,\r\n", nil)
	require.Equal(t, []dataset.Column{
		{Name: "id", Kind: dataset.Integer}, {Name: "name", Kind: dataset.String}, {Name: "score", Kind: dataset.Number},
		{Name: "ok", Kind: dataset.Boolean}, {Name: "mixed", Kind: dataset.String}, {Name: "none", Kind: dataset.String},
	}, table.Columns())
	require.Equal(t, 3, table.Rows())
	require.Equal(t, map[string]any{"id": int64(1), "name": `a, "b"`, "score": 1.5, "ok": true, "mixed": "1", "none": nil}, table.Row(0))
	require.Equal(t, map[string]any{"id": int64(3), "name": nil, "score": nil, "ok": nil, "mixed": nil, "none": nil}, table.Row(2))
	require.Equal(t, 5, table.Line(2), "a field of two lines moves the lines below")

	scores, err := table.Floats("score")
	require.NoError(t, err)
	require.Equal(t, []float64{1.5, 2}, scores[:2])
	require.True(t, math.IsNaN(scores[2]))
	flags, err := table.Floats("ok")
	require.NoError(t, err)
	require.Equal(t, []float64{1, 0}, flags[:2])
	names, nulls, err := table.Strings("name")
	require.NoError(t, err)
	require.Equal(t, []string{`a, "b"`, "two\nlines", ""}, names)
	require.Equal(t, []bool{false, false, true}, nulls)

	_, err = table.Floats("name")
	require.ErrorContains(t, err, "holds text")
	_, err = table.Floats("absent")
	require.ErrorIs(t, err, dataset.ErrNoColumn)

	part := table.Slice(1, 3)
	require.Equal(t, 2, part.Rows())
	require.Equal(t, int64(2), part.Row(0)["id"])
	require.Equal(t, 3, part.Line(0))
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for cells, want := range map[string]dataset.Kind{
		"1\n-2\n+3":                     dataset.Integer,
		"1\n2.5":                        dataset.Number,
		"1e3\n-.5":                      dataset.Number,
		"9223372036854775808":           dataset.Number, // beyond int64
		"true\nFalse":                   dataset.Boolean,
		"1\ntrue":                       dataset.String,
		"NaN\n1":                        dataset.String, // null is an empty field
		"Inf":                           dataset.String,
		"0x10":                          dataset.String,
		"1e999":                         dataset.String,
		"-":                             dataset.String,
		strings.Repeat("\"\"\n", 3)[1:]: dataset.String,
	} {
		if cells[0] == '"' {
			cells = "\"\""
		}
		require.Equal(t, want, readCSV(t, "a,b\n"+strings.ReplaceAll(cells, "\n", ",\n")+",\n", nil).Columns()[0].Kind, "%q", cells)
	}
}

func TestSchemaSaysTheKind(t *testing.T) {
	t.Parallel()
	s := schema(t, "columns: [{name: zip, type: string}, {name: n, type: number}, {name: odd, type: integer}]")
	table := readCSV(t, "zip,n,odd\n01234,1,1\n00001,2,x\n", s)
	require.Equal(t, []dataset.Column{{Name: "zip", Kind: dataset.String}, {Name: "n", Kind: dataset.Number}, {Name: "odd", Kind: dataset.String}}, table.Columns())
	require.Equal(t, "01234", table.Row(0)["zip"])
}

func TestReadCSVRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "test.csv: line 1: the file is empty"},
		"ragged short":     {"a,b\n1,2\n3\n", "test.csv: line 3: the row has 1 columns, the header has 2"},
		"ragged long":      {"a,b\n\"1\n1\",2\n3,4,5\n", "test.csv: line 4: the row has 3 columns, the header has 2"},
		"duplicate":        {"a,b,a\n", `line 1: columns 1 and 3 are both named "a"`},
		"no name":          {"a,,c\n", "line 1: column 2 has no name"},
		"open quote":       {"a,b\n1,\"x\n", "line 2: a quoted field is not closed"},
		"bare quote":       {"a,b\n1,x\"y\n", "line 2: a quote inside an unquoted field"},
		"not UTF-8":        {"a,b\n1,\xff\n", `line 2: column "b" is not UTF-8`},
		"header not UTF-8": {"a,\xff\n", "line 1: the name of column 2 is not UTF-8"},
		"long field":       {"a,b\n1," + strings.Repeat("x", 1<<20+1) + "\n", "at most 1048576 are read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dataset.ReadCSV(strings.NewReader(c.text), "test.csv", dataset.CSVOptions{})
			require.ErrorIs(t, err, dataset.ErrCSV)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// endless is a file that never ends.
type endless struct{ fill byte }

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.fill
	}
	return len(p), nil
}

func TestReadCSVIsBounded(t *testing.T) {
	t.Parallel()
	read := func(r io.Reader, limit int64) error {
		_, err := dataset.ReadCSV(r, "test.csv", dataset.CSVOptions{MaxBytes: limit})
		require.ErrorIs(t, err, dataset.ErrCSV)
		return err
	}
	err := read(io.MultiReader(strings.NewReader("a\n1\n\"open"), endless{'x'}), 0)
	require.ErrorContains(t, err, "line 3: the row is longer than 16777216 bytes; is a quote left open?")
	err = read(io.MultiReader(strings.NewReader("a\n"), endless{'\n'}), 1000)
	require.ErrorContains(t, err, "larger than 1000 bytes")
}

func TestExamples(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"credit-risk", "mnist"} {
		base := filepath.Join("..", "..", "examples", folder)
		text, err := os.ReadFile(filepath.Join(base, "schema.yaml"))
		require.NoError(t, err)
		s, err := dataset.ParseSchema("schema.yaml", text)
		require.NoError(t, err)
		for _, file := range []string{"train.csv", "test.csv"} {
			f, err := os.Open(filepath.Join(base, "data", file))
			require.NoError(t, err)
			table, err := dataset.ReadCSV(f, file, dataset.CSVOptions{Schema: s})
			require.NoError(t, err)
			require.NoError(t, f.Close())
			report := dataset.Validate(table, s)
			require.True(t, report.Passed, "%s %s: %s", folder, file, report.Summary())
			require.Greater(t, report.Quality[dataset.Uniqueness], 0.95)
			require.InDelta(t, 1, report.Quality[dataset.Consistency], 0)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("\xef\xbb\xbfa,\"b\"\r\n,\"x\ny\"\r\n")
	f.Add("a\n\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := dataset.ReadCSV(strings.NewReader(text), "f.csv", dataset.CSVOptions{MaxBytes: 1 << 16})
		if err != nil {
			require.ErrorIs(t, err, dataset.ErrCSV)
			return
		}
		for i := range table.Rows() {
			require.Len(t, table.Row(i), len(table.Columns()))
		}
		for _, c := range table.Columns() {
			_, _, err := table.Strings(c.Name)
			require.NoError(t, err)
		}
	})
}
