package dataset_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// asFormats writes one column of text as CSV, JSON lines and Parquet, where the
// text is stored as text.
func asFormats(t *testing.T, values ...string) map[string]dataset.Source {
	t.Helper()
	var csv, lines strings.Builder
	csv.WriteString("a,b\n")
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for _, v := range values {
		fmt.Fprintf(&csv, "%q,\n", v)
		fmt.Fprintf(&lines, "{\"a\": %q, \"b\": null}\n", v)
		b.Append(v)
	}
	column := b.NewArray()
	return map[string]dataset.Source{
		"csv":     open(t, csv.String(), "t.csv", dataset.SourceOptions{}),
		"jsonl":   open(t, lines.String(), "t.jsonl", dataset.SourceOptions{}),
		"parquet": parquetOf(t, "a", column),
	}
}

// parquetOf writes a column as Parquet.
func parquetOf(t *testing.T, name string, column arrow.Array) dataset.Source {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: name, Type: column.DataType(), Nullable: true}}, nil)
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	require.NoError(t, err)
	require.NoError(t, w.Write(array.NewRecordBatch(schema, []arrow.Array{column}, int64(column.Len()))))
	require.NoError(t, w.Close())
	src, err := dataset.NewSource(bytes.NewReader(b.Bytes()), int64(b.Len()), "t.parquet", dataset.SourceOptions{})
	require.NoError(t, err)
	return src
}

// TestTypesAreWhatPeopleMean goes through what text may mean, in every format that holds text.
func TestTypesAreWhatPeopleMean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, rule string
		values     []string
		fails      string // what the failure says; empty where there is none
	}{
		{"numbers as text", "type: integer, min: 42, max: 43", []string{"42", "43"}, ""},
		{"numbers as text, out of bounds", "type: integer, max: 41", []string{"42"}, `1 of 1 row otherwise, first "42"`},
		{"floats that are whole", "type: number, values: [42, 42.5]", []string{"42", "42.0", "42.50", "4.2e1"}, ""},
		{"dates in several formats", "type: date, formats: ['%d.%m.%Y', '%Y/%m/%d', iso], earliest: 2026-01-31, latest: 2026-01-31", []string{"31.01.2026", "2026/01/31", "2026-01-31"}, ""},
		{"dates with names of months", "type: date, formats: ['%d %b %Y', '%B %d, %Y'], values: [31 Jan 2026]", []string{"31 Jan 2026", "January 31, 2026"}, ""},
		{"dates in a notation that was not said", "type: date", []string{"31.01.2026"}, "they read as dates in another notation: list it in formats"},
		{"dates in any notation", "type: date, formats: [any], earliest: 2026-01-31, latest: 2026-01-31", []string{"31.01.2026", "2026/01/31", "2026-01-31", "31 January 2026", "20260131", "01/31/2026", "Sat, 31 Jan 2026 00:00:00 +0000"}, ""},
		{"a date that may be two", "type: date, formats: [any]", []string{"2026-01-31", "02/03/2026"}, `1 of 2 rows otherwise, first "02/03/2026"`},
		{"a date that is one either way", "type: date, formats: [any], values: [2026-02-02]", []string{"02/02/2026"}, ""},
		{"no such day", "type: date, formats: [any]", []string{"31.02.2026"}, "31.02.2026"},
		{"moments with zones", "type: datetime, earliest: '2026-01-31T11:00:00Z', latest: '2026-01-31T11:00:00Z'", []string{"2026-01-31T12:00:00+01:00", "2026-01-31 11:00:00", "2026-01-31T11:00Z"}, ""},
		{"codes", "type: category, values: [1, 2, '03']", []string{"1", "2", "03"}, ""},
		{"codes that lost their zero", "type: category, values: [1, 2, '03']", []string{"3"}, `first "3"`},
		{"NaN is no null", "type: number, nullable: true", []string{"NaN"}, "write nan: 'null' if it stands for one that is missing"},
		{"NaN as null", "type: number, nan: 'null', nullable: true, null_share: {min: 0.5, max: 0.5}", []string{"NaN", "1"}, ""},
		{"NaN as null where none may be", "type: number, nan: 'null'", []string{"NaN", "1"}, "1 of 2 rows otherwise"},
		{"NaN as a value", "type: number, nan: value, mean: {min: 1, max: 1}", []string{"nan", "1"}, ""},
		{"infinity", "type: number, nan: value", []string{"-inf"}, `first "-inf"`},
		{"words for null", "type: integer, nullable: true, null_values: [NA, '-'], null_share: {min: 0.5}", []string{"NA", "-", "1"}, ""},
		{"words for null that were not said", "type: integer, nullable: true", []string{"NA", "null"}, "they read as words for null: list them in null_values"},
		{"decimal commas", "type: number, decimal: comma, values: ['1234,5', '0,5']", []string{"1.234,5", "1234,5", "0,5", "0,50"}, ""},
		{"decimal commas unsaid", "type: number", []string{"1234,5"}, "they read as numbers with decimal commas: write decimal: comma"},
		{"decimal commas in integers", "type: integer", []string{"1234,5"}, "write type: number and decimal: comma"},
		{"decimal points for commas", "type: number, decimal: comma", []string{"1234.5"}, "they read as numbers with decimal points: leave decimal out"},
		{"fractions in integers", "type: integer", []string{"0.5"}, "they read as numbers with a fraction: write type: number"},
		{"truths", "type: boolean, values: [true]", []string{"true", "TRUE", "True"}, ""},
		{"ones for truths", "type: boolean", []string{"1"}, `first "1"`},
	} {
		s := schema(t, "extra: allow\ncolumns: [{name: a, "+c.rule+"}]")
		for format, src := range asFormats(t, c.values...) {
			report, err := dataset.Check(context.Background(), src, s, dataset.CheckOptions{Now: now})
			require.NoError(t, err)
			if c.fails == "" {
				require.Empty(t, report.Failures, "%s as %s", c.name, format)
				continue
			}
			require.NotEmpty(t, report.Failures, "%s as %s", c.name, format)
			require.Contains(t, report.Failures[0].Found, c.fails, "%s as %s", c.name, format)
		}
	}
}

// TestStoredNaNIsNotNull has both in one column of floating-point numbers.
func TestStoredNaNIsNotNull(t *testing.T) {
	t.Parallel()
	column := func() arrow.Array {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		b.AppendValues([]float64{1, math.NaN(), 0, math.Inf(1)}, []bool{true, true, false, true})
		return b.NewArray()
	}
	for nan, want := range map[string][]string{
		"refuse": {"nullable 1", "nan 2"}, "'null'": {"nullable 2", "nan 1"}, "value": {"nullable 1", "nan 1"},
	} {
		report, err := dataset.Check(context.Background(), parquetOf(t, "x", column()), schema(t, "columns: [{name: x, type: number, nan: "+nan+"}]"), dataset.CheckOptions{})
		require.NoError(t, err)
		var got []string
		for _, f := range report.Failures {
			got = append(got, fmt.Sprint(f.Check, " ", f.Rows))
		}
		require.Equal(t, want, got, nan)
	}
}

// TestStoredNumbersAreWhatPeopleMean reads numbers that are stored as numbers of another kind, and as codes.
func TestStoredNumbersAreWhatPeopleMean(t *testing.T) {
	t.Parallel()
	ints := array.NewInt64Builder(memory.DefaultAllocator)
	ints.AppendValues([]int64{1, 2, 2}, nil)
	floats := array.NewFloat64Builder(memory.DefaultAllocator)
	floats.AppendValues([]float64{1, 2, 2}, nil) // as pandas stores integers with nulls
	for _, column := range []arrow.Array{ints.NewArray(), floats.NewArray()} {
		for _, rule := range []string{"type: integer, values: [1, 2]", "type: number, values: [1, 2]", "type: category, values: [1, 2], most_common: [2]"} {
			report, err := dataset.Check(context.Background(), parquetOf(t, "x", column), schema(t, "columns: [{name: x, "+rule+"}]"), dataset.CheckOptions{})
			require.NoError(t, err)
			require.Empty(t, report.Failures, "%s as %s", rule, column.DataType())
		}
	}
}

// FuzzAnyDate holds that a date in any notation is none, or one that a notation reads.
func FuzzAnyDate(f *testing.F) {
	for _, text := range []string{"31.01.2026", "02/03/2026", "January 31, 2026", "Sat, 31 Jan 2026 00:00:00 +0100", "2026-01-31T12:00"} {
		f.Add(text)
	}
	anyNotation := schema(f, "columns: [{name: a, type: datetime, formats: [any]}]")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\"\r\n,;\t\\") || text == "" || !readable(text) {
			return
		}
		report := check(t, "a\n\""+text+"\"\n", anyNotation, dataset.CheckOptions{})
		require.Len(t, report.Columns, 1)
		if report.Passed {
			require.NotEmpty(t, report.Columns[0].Latest, text)
		}
	})
}

// readable tells that text is UTF-8, as tables are.
func readable(text string) bool { return strings.ToValidUTF8(text, "") == text }

// FuzzLike holds LIKE against a matcher written from its definition.
func FuzzLike(f *testing.F) {
	f.Add("a%b_", "axxbc")
	f.Add(`100\%`, "100%")
	f.Add("%%%", "")
	f.Add("_", "ü")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 20 || len(text) > 20 || !readable(pattern) || !readable(text) || text == "" || strings.ContainsAny(text+pattern, "\r\n\"\x00") || strings.HasSuffix(strings.ReplaceAll(pattern, `\\`, ""), `\`) {
			return
		}
		s, err := dataset.ParseSchema("s.yaml", []byte("columns:\n- name: a\n  type: string\n  like: ['"+strings.ReplaceAll(pattern, "'", "''")+"']\n"))
		if err != nil {
			return // a control character, which YAML does not take
		}
		want := likeOracle([]rune(s.Columns[0].Like[0]), []rune(text))
		report := check(t, "a\n\""+text+"\"\n", s, dataset.CheckOptions{})
		require.Equal(t, want, report.Passed, "%q like %q", text, pattern)
	})
}

// likeOracle matches by the definition: % any text, _ one character.
func likeOracle(pattern, text []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(text) == 0
	case pattern[0] == '%':
		return likeOracle(pattern[1:], text) || len(text) > 0 && likeOracle(pattern, text[1:])
	case len(text) == 0:
		return false
	case pattern[0] == '_':
		return likeOracle(pattern[1:], text[1:])
	case pattern[0] == '\\' && len(pattern) > 1:
		return pattern[1] == text[0] && likeOracle(pattern[2:], text[1:])
	}
	return pattern[0] == text[0] && likeOracle(pattern[1:], text[1:])
}

// FuzzJSONCell holds that no document makes a JSON Schema fail but by a verdict.
func FuzzJSONCell(f *testing.F) {
	f.Add(`{"id": 1, "tags": ["a"], "when": "2026-01-31"}`)
	f.Add(`{"id": 1e999999999}`)
	f.Add(strings.Repeat("[", 2000))
	s := schema(f, `
columns:
  - name: a
    type: string
    json: true
    json_schema:
      type: object
      required: [id]
      properties: {id: {type: integer, multipleOf: 3}, when: {type: string, format: date}, tags: {type: array, uniqueItems: true, items: {$ref: "#/$defs/tag"}}}
      $defs: {tag: {type: string, pattern: "^[a-z]+$", maxLength: 9}}
`)
	f.Fuzz(func(t *testing.T, text string) {
		if !readable(text) || text == "" {
			return
		}
		report := check(t, "a\n\""+strings.ReplaceAll(text, `"`, `""`)+"\"\n", s, dataset.CheckOptions{})
		require.Equal(t, 1, report.Rows)
	})
}

// TestJSONSchemaOfCellsStaysInside refuses schemas that would read files or a network, and what is no schema.
func TestJSONSchemaOfCellsStaysInside(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{$ref: "file:///etc/passwd"}`:          "a reference must stay within the schema",
		`{$ref: "https://example.com/s.json"}`:  "a reference must stay within the schema",
		`{$ref: "other.json"}`:                  "a reference must stay within the schema",
		`{type: objekt}`:                        "no valid JSON Schema",
		`{pattern: "("}`:                        "regex",
		`{properties: {1: {}, true: {}}}`:       "names of its fields must be text",
		`{$schema: "https://example.com/meta"}`: "a reference must stay within the schema",
	} {
		_, err := dataset.ParseSchema("s.yaml", []byte("columns: [{name: a, type: string, json_schema: "+text+"}]"))
		require.ErrorIs(t, err, dataset.ErrSchema, text)
		require.ErrorContains(t, err, want, text)
	}
}
