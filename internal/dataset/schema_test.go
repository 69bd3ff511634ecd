package dataset_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

func schema(t testing.TB, text string) *dataset.Schema {
	t.Helper()
	s, err := dataset.ParseSchema("schema.yaml", []byte(text))
	require.NoError(t, err)
	return s
}

func TestParseSchema(t *testing.T) {
	t.Parallel()
	s := schema(t, `
rows: {min: 1, max: 9}
extra: allow
columns:
  - {name: age, type: integer, min: 18, max: 120, personal: true, reason: adults only}
  - {name: telephone, type: string, values: [none, "yes", true, 1]}
  - {name_pattern: "p[0-9]+", count: 2, type: number, severity: warn}
  - {name: y, type: integer, values: [0, 1], label: true}
`)
	require.Equal(t, dataset.AllowExtra, s.Extra)
	require.Len(t, s.Columns, 4)
	require.Equal(t, []string{"none", "yes", "true", "1"}, s.Columns[1].Values)
	require.Equal(t, dataset.Error, s.Columns[0].Severity, "the default")
	require.Equal(t, dataset.Warning, s.Columns[2].Severity)
	require.True(t, s.Personal("age"))
	require.False(t, s.Personal("p7"))
}

func TestParseSchemaRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "the file is empty"},
		"unknown field":    {"columns:\n  - {name: a, type: integer}\n  - {name: b, tpye: integer}\n", "line 3: field tpye is unknown; allowed are name, name_pattern"},
		"unknown top":      {"colums: []\n", "line 1: field colums is unknown; allowed are rows, column_count, extra, order, null_values, columns, environments, checks"},
		"twice":            {"extra: allow\nextra: refuse\n", "line 2: mapping key \"extra\" already defined"},
		"not a number":     {"columns:\n  - {name: a, type: integer, min: low}\n", "line 2"},
		"no columns":       {"extra: allow\n", "at least one is needed"},
		"no name":          {"columns:\n  - {type: integer}\n", "line 2: column : name or name_pattern is needed"},
		"two names":        {"columns: [{name: a, name_pattern: b, count: 1, type: integer}]", "exclude each other"},
		"no count":         {"columns: [{name_pattern: b, type: integer}]", "needs count"},
		"type":             {"columns: [{name: a, type: float}]", `type is "float", want integer, number, boolean, string, category, date or datetime`},
		"severity":         {"columns: [{name: a, type: string, severity: bad}]", "want error or warn"},
		"extra":            {"extra: ignore\ncolumns: [{name: a, type: string}]", "want refuse, warn or allow"},
		"bounds of text":   {"columns: [{name: a, type: string, min: 1}]", "min and max belong to numbers"},
		"bounds":           {"columns: [{name: a, type: number, min: 2, max: 1}]", "min 2 is above max 1"},
		"infinite":         {"columns: [{name: a, type: number, min: .nan}]", "must be finite"},
		"pattern":          {"columns: [{name: a, type: string, pattern: '('}]", "missing closing"},
		"pattern of int":   {"columns: [{name: a, type: integer, pattern: a}]", "pattern belongs to strings"},
		"values":           {"columns: [{name: a, type: integer, values: [x]}]", `"x" is not of type integer`},
		"column twice":     {"columns:\n  - {name: a, type: string}\n  - {name: a, type: string}\n", "line 3: column a is already on line 2"},
		"two labels":       {"columns:\n  - {name: a, type: string, label: true}\n  - {name: b, type: string, label: true}\n", "line 3: column b: the label is already on line 2"},
		"nullable label":   {"columns: [{name: a, type: string, label: true, nullable: true}]", "the label is never null"},
		"rows":             {"rows: {min: 3, max: 2}\ncolumns: [{name: a, type: string}]", "min must be at least 0 and at most max"},
		"second document":  {"columns: [{name: a, type: string}]\n---\nextra: allow\n", "more than one document"},
		"too large":        {strings.Repeat("#", 1<<20+1), "at most 1048576 are read"},
		"columns a string": {"columns: all\n", "line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dataset.ParseSchema("schema.yaml", []byte(c.text))
			require.ErrorIs(t, err, dataset.ErrSchema)
			require.ErrorContains(t, err, "schema.yaml: ")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "dataset.", "Go types mean nothing to the reader")
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	s := schema(t, `
rows: {min: 2}
columns:
  - {name: id, type: integer, unique: true}
  - {name: age, type: integer, min: 18, max: 120, personal: true, reason: adults only}
  - {name: colour, type: string, values: [red, blue], nullable: true}
  - {name: code, type: string, pattern: "[A-Z]{2}", severity: warn}
  - {name: score, type: number}
`)
	t.Run("passes", func(t *testing.T) {
		t.Parallel()
		report := dataset.Validate(readCSV(t, "id,age,colour,code,score\n1,20,red,AB,1\n2,30,,CD,2.5\n", s), s)
		require.True(t, report.Passed)
		require.Empty(t, report.Failures)
		require.InDelta(t, 0.9, report.Quality[dataset.Completeness], 1e-12)
		require.Equal(t, "2 rows as the schema wants", report.Summary())
		require.InDelta(t, 1.75, report.Columns[4].Numbers.Mean, 1e-12)
		require.Nil(t, report.Columns[1].Numbers, "personal")
	})
	t.Run("warns", func(t *testing.T) {
		t.Parallel()
		report := dataset.Validate(readCSV(t, "id,age,colour,code,score\n1,20,red,ab,1\n2,30,,CD,2.5\n", s), s)
		require.True(t, report.Passed)
		require.Len(t, report.Failures, 1)
		require.Equal(t, dataset.Warning, report.Failures[0].Severity)
	})
	t.Run("fails", func(t *testing.T) {
		t.Parallel()
		report := dataset.Validate(readCSV(t, "id,age,colour,code,score\n1,17,red,AB,1\n1,16,green,CD,x\n3,30,blue,EF,\n3,30,blue,EF,\n", s), s)
		require.False(t, report.Passed)
		byColumn := map[string]dataset.Failure{}
		for _, f := range report.Failures {
			byColumn[f.Column+": "+f.Expectation] = f
		}
		require.Len(t, byColumn, 5)
		require.Equal(t, dataset.Failure{
			Column: "age", Check: "min", Expectation: "values of at least 18", Found: "2 of 4 rows otherwise, first on line 2", Severity: dataset.Error, Reason: "adults only",
			Rows: 2, Sample: []dataset.Sample{{Row: 1, Line: 2, Value: dataset.Masked}, {Row: 2, Line: 3, Value: dataset.Masked}},
		}, byColumn["age: values of at least 18"])
		require.Equal(t, []dataset.Sample{{Row: 2, Line: 3, Value: "green"}}, byColumn["colour: one of red, blue"].Sample)
		require.Equal(t, []dataset.Sample{{Row: 2, Line: 3, Value: "x"}}, byColumn["score: type number"].Sample)
		require.Equal(t, 2, byColumn["score: a value in every row"].Rows)
		require.Equal(t, 2, byColumn["id: every value once"].Rows)

		require.InDelta(t, 18.0/20, report.Quality[dataset.Completeness], 1e-12)
		require.InDelta(t, 12.0/20, report.Quality[dataset.Validity], 1e-12)
		require.InDelta(t, 3.0/4, report.Quality[dataset.Uniqueness], 1e-12)
		require.Zero(t, report.Quality[dataset.Consistency])
		text, err := json.Marshal(report)
		require.NoError(t, err)
		require.NotContains(t, string(text), `"16"`, "personal values appear nowhere")
	})
	t.Run("columns", func(t *testing.T) {
		t.Parallel()
		report := dataset.Validate(readCSV(t, "id,age,colour,code,extra\n1,20,red,AB,1\n2,20,red,AB,1\n", s), s)
		require.False(t, report.Passed)
		require.Len(t, report.Failures, 2)
		require.Equal(t, "column extra: want no column beyond those of the schema, found a column of kind integer", report.Failures[0].String())
		require.Equal(t, "column score: want a column of type number, found no such column", report.Failures[1].String())
		require.InDelta(t, 0.8, report.Quality[dataset.Completeness], 1e-12)
		require.Zero(t, report.Quality[dataset.Consistency])
	})
	t.Run("no rows", func(t *testing.T) {
		t.Parallel()
		report := dataset.Validate(readCSV(t, "id,age,colour,code,score\n", s), s)
		require.False(t, report.Passed)
		require.Equal(t, "want at least 2 rows, found 0 rows", report.Summary())
		_, err := json.Marshal(report)
		require.NoError(t, err)
	})
	t.Run("pattern of names", func(t *testing.T) {
		t.Parallel()
		s := schema(t, `columns: [{name_pattern: "p[0-9]+", count: 3, type: integer}]`)
		report := dataset.Validate(readCSV(t, "p1,p2,q\n1,2,3\n", s), s)
		require.Len(t, report.Failures, 2)
		require.Contains(t, report.Failures[1].String(), "want 3 columns of type integer whose names match, found 2 columns")
	})
	t.Run("failures are bounded", func(t *testing.T) {
		t.Parallel()
		s := schema(t, `columns: [{name_pattern: "p[0-9]+", count: 150, type: integer}]`)
		names, values := []string{}, []string{}
		for i := range 150 {
			names, values = append(names, "p"+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10))), append(values, "x")
		}
		report := dataset.Validate(readCSV(t, strings.Join(names, ",")+"\n"+strings.Join(values, ",")+"\n", s), s)
		require.Len(t, report.Failures, dataset.MaxFailures)
		require.Equal(t, 50, report.Omitted)
	})
}

func FuzzParseSchema(f *testing.F) {
	for _, folder := range []string{"credit-risk", "mnist"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", folder, "schema.yaml"))
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte("columns: [{name: a, type: integer, values: [1]}]"))
	f.Add([]byte("a: &a [*a]"))
	for _, c := range catalogue(f) {
		f.Add([]byte(c.Schema))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := dataset.ParseSchema("s.yaml", text)
		if err != nil {
			require.ErrorIs(t, err, dataset.ErrSchema)
			return
		}
		dataset.Validate(readCSV(t, "a,b\n1,x\n,\n", s), s)
	})
}
