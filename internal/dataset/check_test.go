package dataset_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// now is the present of every test.
var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// open reads text as a source.
func open(t testing.TB, text, name string, opts dataset.SourceOptions) dataset.Source {
	t.Helper()
	src, err := dataset.NewSource(strings.NewReader(text), int64(len(text)), name, opts)
	require.NoError(t, err)
	return src
}

func check(t testing.TB, csv string, s *dataset.Schema, opts dataset.CheckOptions) dataset.Report {
	t.Helper()
	opts.Now = now
	report, err := dataset.Check(context.Background(), open(t, csv, "t.csv", dataset.SourceOptions{}), s, opts)
	require.NoError(t, err)
	return report
}

func TestEveryCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, schema, csv string
		want              []string // failures: column: expectation ← found
	}{
		{"min and max", "columns: [{name: a, type: number, min: 1, max: 2}]", "a\n1\n2\n0.5\n3\n",
			[]string{"a: values of at least 1 ← 1 of 4 rows otherwise, first \"0.5\" on line 4", "a: values of at most 2 ← 1 of 4 rows otherwise, first \"3\" on line 5"}},
		{"strict bounds", "columns: [{name: a, type: number, above: 1, below: 2}]", "a\n1\n1.5\n2\n",
			[]string{"a: values above 1 ← 1 of 3 rows otherwise, first \"1\" on line 2", "a: values below 2 ← 1 of 3 rows otherwise, first \"2\" on line 4"}},
		{"mostly holds", "columns: [{name: a, type: number, min: 1, mostly: 0.5}]", "a\n1\n0\n", nil},
		{"mostly fails", "columns: [{name: a, type: number, min: 1, mostly: 0.6}]", "a\n1\n0\n", []string{"a: values of at least 1 in at least 60 % ← 1 of 2 rows otherwise, first \"0\" on line 3"}},
		{"mostly counts values, not nulls", "columns: [{name: a, type: number, nullable: true, checks: [{min: 1, mostly: 0.6}]}]", "a,b\n1,\n0,\n,\n,\n",
			[]string{"b: no column beyond those of the schema ← a column of kind string", "a: values of at least 1 in at least 60 % ← 1 of 4 rows otherwise, first \"0\" on line 3"}},
		{"nulls", "columns: [{name: a, type: string}]", "a,b\nx,1\n,1\n", []string{"b: no column beyond those of the schema ← a column of kind string", "a: a value in every row ← 1 of 2 rows otherwise, first on line 3"}},
		{"type", "columns: [{name: a, type: integer}]", "a\n1\n1.5\n", []string{"a: type integer ← 1 of 2 rows otherwise, first \"1.5\" on line 3; they read as numbers with a fraction: write type: number"}},
		{"strings of 42 are integers", "columns: [{name: a, type: integer, max: 41}]", "a\n\"42\"\n", []string{"a: values of at most 41 ← 1 of 1 row otherwise, first \"42\" on line 2"}},
		{"NaN refused", "columns: [{name: a, type: number}]", "a\nNaN\n1\n", []string{"a: type number ← 1 of 2 rows otherwise, first \"NaN\" on line 2; NaN is no value: write nan: 'null' if it stands for one that is missing"}},
		{"NaN is null", "columns: [{name: a, type: number, nan: 'null'}]", "a\nNaN\n1\n", []string{"a: a value in every row ← 1 of 2 rows otherwise, first on line 2"}},
		{"NaN is a value", "columns: [{name: a, type: number, nan: value, min: 0}]", "a\nNaN\n1\n", nil},
		{"infinity", "columns: [{name: a, type: number, nan: value, min: 0}]", "a\nInf\n1\n", []string{"a: finite numbers ← 1 of 2 rows otherwise, first \"Inf\" on line 2"}},
		{"null words", "null_values: [NA]\ncolumns: [{name: a, type: integer, nullable: true, null_values: ['-']}]", "a\nNA\n1\n-\n", nil},
		{"decimal comma", "columns: [{name: a, type: number, decimal: comma, max: 2000}]", "a;b\n1.234,5;\n3,5;\n1,2,3;\n",
			[]string{"b: no column beyond those of the schema ← a column of kind string", "a: type number with decimal commas ← 1 of 3 rows otherwise, first \"1,2,3\" on line 4"}},
		{"decimal comma unasked", "columns: [{name: a, type: number}]", "a\n\"3,5\"\n", []string{"a: type number ← 1 of 1 row otherwise, first \"3,5\" on line 2; they read as numbers with decimal commas: write decimal: comma"}},
		{"values", "columns: [{name: a, type: category, values: [x, y]}]", "a\nx\nz\n", []string{"a: one of x, y ← 1 of 2 rows otherwise, first \"z\" on line 3"}},
		{"values of numbers", "columns: [{name: a, type: number, values: [1, 2.0]}]", "a\n1.0\n2\n3\n", []string{"a: one of 1, 2.0 ← 1 of 3 rows otherwise, first \"3\" on line 4"}},
		{"not values", "columns: [{name: a, type: string, not_values: [x]}]", "a\nx\nz\n", []string{"a: none of x ← 1 of 2 rows otherwise, first \"x\" on line 2"}},
		{"pattern", "columns: [{name: a, type: string, pattern: '[a-z]+[0-9]?', not_pattern: 'b.*'}]", "a\nab1\nb1\nA\nü\n",
			[]string{"a: values that match [a-z]+[0-9]? ← 2 of 4 rows otherwise, first \"A\" on line 4", "a: no value that matches b.* ← 1 of 4 rows otherwise, first \"b1\" on line 3"}},
		{"lengths count characters", "columns: [{name: a, type: string, min_length: 2, max_length: 3}]", "a\nüü\nx\nabcd\n",
			[]string{"a: values of at least 2 characters ← 1 of 3 rows otherwise, first \"x\" on line 3", "a: values of at most 3 characters ← 1 of 3 rows otherwise, first \"abcd\" on line 4"}},
		{"unique", "columns: [{name: a, type: number, unique: true}]", "a\n1\n2\n1.0\n", []string{"a: every value once ← 1 of 3 rows otherwise, first \"1.0\" on line 4"}},
		{"sorted", "columns: [{name: a, type: integer, sorted: increasing}, {name: b, type: integer, sorted: strictly decreasing}]", "a,b\n1,3\n1,3\n0,2\n",
			[]string{"a: increasing values ← 1 of 3 rows otherwise, first \"0\" on line 4", "b: strictly decreasing values ← 1 of 3 rows otherwise, first \"3\" on line 3"}},
		{"dates", "columns: [{name: a, type: date, formats: ['%d.%m.%Y', iso], earliest: 2020-01-01, latest: 2020-12-31}]", "a\n1.2.2020\n2020-02-30\n31.12.2019\n2021-01-01\n",
			[]string{"a: type date written %d.%m.%Y or iso ← 1 of 4 rows otherwise, first \"2020-02-30\" on line 3", "a: dates from 2020-01-01 on ← 1 of 4 rows otherwise, first \"31.12.2019\" on line 4", "a: dates up to 2020-12-31 ← 1 of 4 rows otherwise, first \"2021-01-01\" on line 5"}},
		{"freshness", "columns: [{name: a, type: datetime, max_age: 2d}]", "a\n2026-02-26T12:00:00+01:00\n", []string{"a: the latest date at most 2d old ← the latest is 2026-02-26T11:00:00Z, 61h0m0s ago"}},
		{"aggregates", "columns: [{name: a, type: number, mean: {max: 2}, median: {min: 3}, std: {max: 1}, sum: {max: 9}, smallest: {min: 2}, largest: {max: 4}, quantiles: [{q: 0.25, max: 1}]}]", "a\n1\n2\n3\n4\n",
			[]string{"a: the mean at most 2 ← 2.5", "a: the median at least 3 ← 2.5", "a: the standard deviation at most 1 ← 1.2909944487358056", "a: the sum at most 9 ← 10", "a: the smallest value at least 2 ← 1", "a: quantile 0.25 at most 1 ← 1.75"}},
		{"distinct", "columns: [{name: a, type: string, distinct: {min: 3}, distinct_share: {max: 0.5}, most_common: [y], contains: [x, q]}]", "a\nx\ny\nx\n",
			[]string{"a: the number of different values at least 3 ← 2", "a: the share of different values at most 0.5 ← 0.6666666666666666", "a: the most common value is one of y ← x in 2 rows", "a: each of x, q stands in the column ← no q"}},
		{"together", "columns: [{name: a, type: string}, {name: b, type: string, nullable: true}]\nchecks: [{unique: [a, b]}]", "a,b\nx,1\nx,2\nx,1\ny,\ny,\n",
			[]string{": a, b together once ← 1 of 5 rows otherwise, first \"a=x, b=1\" on line 4"}},
		{"rule", "columns: [{name: a, type: integer}, {name: b, type: integer, nullable: true}]\nchecks: [{rule: a + 1 <= b and not (a == 7), reason: ends after it starts}]", "a,b\n1,2\n2,2\n7,9\n1,\n",
			[]string{": rows where a + 1 <= b and not (a == 7) ← 2 of 4 rows otherwise, first \"a=2, b=2\" on line 3"}},
		{"rule on text", `columns: [{name: a, type: string}, {name: "b c", type: string, nullable: true}]` + "\nchecks: [{rule: 'a != \"x\" or $env[\"b c\"] != nil'}]", "a,b c\nx,1\nx,\ny,\n",
			[]string{": rows where a != \"x\" or $env[\"b c\"] != nil ← 1 of 3 rows otherwise, first \"a=x, b c=null\" on line 3"}},
		{"rule on a missing column", "extra: allow\ncolumns: [{name: a, type: string}]\nchecks: [{rule: zz > 1}]", "a\nx\n", []string{": rows where zz > 1 ← no column zz"}},
		{"order", "order: schema\ncolumns: [{name: a, type: string}, {name: b, type: string}]", "b,a\n1,2\n", []string{"a: columns in the order of the schema ← it comes after b"}},
		{"rows", "rows: {min: 2, max: 3}\ncolumns: [{name: a, type: string}]", "a\n1\n", []string{": at least 2 rows ← 1 row"}},
		{"stored", "columns: [{name: a, type: integer, stored: integer}]", "a\n1\n", []string{"a: values stored as integer ← stored as utf8"}},
		{"severity of a check", "columns: [{name: a, type: integer, checks: [{max: 0, severity: warn}]}]", "a\n1\n", []string{"a: values of at most 0 ← 1 of 1 row otherwise, first \"1\" on line 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report := check(t, c.csv, schema(t, c.schema), dataset.CheckOptions{})
			var got []string
			for _, f := range report.Failures {
				got = append(got, f.Column+": "+f.Expectation+" ← "+f.Found)
			}
			require.Equal(t, c.want, got)
			require.Equal(t, report.Checked, report.Met+len(c.want))
			if c.name == "severity of a check" {
				require.True(t, report.Passed)
			} else {
				require.Equal(t, len(c.want) == 0, report.Passed)
			}
		})
	}
}

// TestWarningsOfTheTable holds that the numbers of rows and columns, and columns too many, can be warned of, with a reason.
func TestWarningsOfTheTable(t *testing.T) {
	t.Parallel()
	s := schema(t, `
rows: {min: 2, max: 0x7fffffff, of_reference: {min: 1}, severity: warn, reason: a day has some}
column_count: {max: 1, severity: warn, reason: one is enough}
extra: warn
columns: [{name: a, type: integer}]
`)
	report := check(t, "a,b\n1,2\n", s, dataset.CheckOptions{})
	require.True(t, report.Passed)
	var got []string
	for _, f := range report.Failures {
		got = append(got, fmt.Sprint(f.Check, ": ", f.Severity, ": ", f.Reason))
	}
	require.Equal(t, []string{"rows: warn: a day has some", "column_count: warn: one is enough", "rows: warn: a day has some", "extra_column: warn: "}, got)
	require.InDelta(t, 1, report.Quality[dataset.Consistency], 0)
	for text, want := range map[string]string{
		"rows: {severity: bad}": "rows: severity is", "column_count: {min: 1, severity: bad}": "column_count: severity is", "column_count: {}": "min or max is needed",
		"column_count: {min: 3, max: 2}": "at most max", "rows: {of_reference: {}}": "of_reference: min or max", "extra: maybe": "want refuse, warn or allow",
	} {
		_, err := dataset.ParseSchema("s.yaml", []byte(text+"\ncolumns: [{name: a, type: integer}]"))
		require.ErrorContains(t, err, want)
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	table := func(shift float64, word string) string {
		var b strings.Builder
		b.WriteString("x,w\n")
		for i := range 2000 {
			fmt.Fprintf(&b, "%g,%s\n", math.Sin(float64(i))+shift, []string{"a", "b", word}[i%3])
		}
		return b.String()
	}
	s := schema(t, "columns: [{name: x, type: number, psi: 0.2, kl: 0.1, linf: 0.05, mean_shift: 0.3}, {name: w, type: category, psi: 0.2, kl: 0.1, linf: 0.1}]")
	ref, err := dataset.ProfileOf(context.Background(), open(t, table(0, "c"), "ref.csv", dataset.SourceOptions{}), dataset.ProfileOptions{})
	require.NoError(t, err)
	b, err := ref.JSON()
	require.NoError(t, err)
	ref, err = dataset.ParseProfile("ref.json", b)
	require.NoError(t, err)

	require.True(t, check(t, table(0.01, "c"), s, dataset.CheckOptions{Reference: ref}).Passed)
	moved := check(t, table(1, "d"), s, dataset.CheckOptions{Reference: ref})
	require.Len(t, moved.Failures, 7)
	without := check(t, table(0, "c"), s, dataset.CheckOptions{})
	require.Len(t, without.Failures, 7)
	require.Contains(t, without.Failures[0].Found, "no reference")
}

func TestPersonalValuesAppearNowhere(t *testing.T) {
	t.Parallel()
	s := schema(t, `
columns:
  - {name: mail, type: string, personal: true, pattern: "[a-z]+", unique: true, most_common: [zz]}
  - {name: born, type: date, personal: true, latest: 2000-01-01, max_age: 1d, checks: [{latest: 2020-01-01}]}
  - {name: pay, type: integer, personal: true, max: 10, mean: {max: 1}, smallest: {min: 90000}}
checks: [{rule: pay < 5}, {rule: 'mail != "x9@secret"'}]
`)
	csv := "mail,born,pay\nx9@secret,2011-11-11,77777\nx9@secret,2011-11-11,77777\n"
	masker, err := dataset.NewMasker(bytes.Repeat([]byte("k"), 32), s)
	require.NoError(t, err)
	for _, opts := range []dataset.CheckOptions{{}, {Mask: masker}} {
		report := check(t, csv, s, opts)
		require.False(t, report.Passed)
		asJSON, err := json.Marshal(report)
		require.NoError(t, err)
		html, err := report.HTML()
		require.NoError(t, err)
		junit, err := report.JUnit()
		require.NoError(t, err)
		for _, output := range []string{string(asJSON), string(html), string(junit), report.Summary()} {
			// The rule itself is the schema's text, not data.
			output = strings.ReplaceAll(output, "x9@secret&#34;", "")
			output = strings.ReplaceAll(output, `mail != \"x9@secret\"`, "")
			for _, secret := range []string{"x9@secret", "2011-11-11", "77777"} {
				require.NotContains(t, output, secret)
			}
		}
	}
	profile, err := dataset.ProfileOf(context.Background(), open(t, csv, "t.csv", dataset.SourceOptions{}), dataset.ProfileOptions{Schema: s})
	require.NoError(t, err)
	b, err := profile.JSON()
	require.NoError(t, err)
	require.NotContains(t, string(b), "secret")
	require.NotContains(t, string(b), "77777")
}

func TestMasker(t *testing.T) {
	t.Parallel()
	s := schema(t, "columns: [{name: a, type: string, personal: true}, {name: b, type: string, personal: true, mask: token}, {name: c, type: string, personal: true, mask: truncate}, {name: d, type: integer, personal: true, mask: drop}, {name: e, type: integer}]")
	csv := "a,b,c,d,e\nann,ann,Ünal,1,1\n,bob,2001-02-03,2,2\nann,ann,,3,3\n"
	_, err := dataset.NewMasker([]byte("short"), s)
	require.ErrorContains(t, err, "at least 32")
	m, err := dataset.NewMasker(bytes.Repeat([]byte{1}, 32), s)
	require.NoError(t, err)
	other, err := dataset.NewMasker(bytes.Repeat([]byte{2}, 32), s)
	require.NoError(t, err)

	table := m.Table(readCSV(t, csv, s))
	require.Equal(t, []dataset.Column{{Name: "a", Kind: dataset.String}, {Name: "b", Kind: dataset.String}, {Name: "c", Kind: dataset.String}, {Name: "e", Kind: dataset.Integer}}, table.Columns())
	one := table.Row(0)
	require.Len(t, one["a"], 64)
	require.Len(t, one["b"], 26)
	require.Equal(t, "Ü…", one["c"])
	require.Equal(t, int64(1), one["e"])
	require.Nil(t, table.Row(1)["a"], "null stays null")
	require.Equal(t, "2001", table.Row(1)["c"])
	require.Equal(t, one["a"], table.Row(2)["a"], "equal values stay equal")
	require.NotEqual(t, one["a"], other.Table(readCSV(t, csv, s)).Row(0)["a"], "under another key they differ")

	src := m.Source(open(t, csv, "t.csv", dataset.SourceOptions{BatchRows: 2}))
	batch, err := src.Next(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(4), batch.NumCols())
	require.Equal(t, one["a"], batch.Column(0).ValueStr(0))
	batch.Release()
}

// TestRefusedSchemas says what is wrong with rules that span fields.
func TestRefusedSchemas(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"columns: [{name: a, type: string, mean: {max: 1}}]":                                                    "belong to numbers, the type is string",
		"columns: [{name: a, type: date, formats: ['%q']}]":                                                     "%q is not known",
		"columns: [{name: a, type: date, earliest: soon}]":                                                      "want a date in ISO 8601",
		"columns: [{name: a, type: date, max_age: 3y}]":                                                         "such as 36h or 7d",
		"columns: [{name: a, type: string, mostly: 0}]":                                                         "want more than 0 and at most 1",
		"columns: [{name: a, type: number, mean: {}}]":                                                          "mean: min or max is needed",
		"columns: [{name: a, type: number, quantiles: [{q: 2, max: 1}]}]":                                       "q is 2, want 0 to 1",
		"columns:\n- name: a\n  type: number\n  checks:\n  - {min: 1}\n  - {min: 3, max: 2}\n":                  "line 6: column a: check: min 3 is above max 2",
		"columns: [{name: a, type: number}]\nchecks:\n- {rule: 'a >'}\n":                                        "line 3: check: rule: unexpected token",
		"columns: [{name: a, type: number}]\nchecks: [{rule: 'all(1..9, # > a)'}]":                              "is not known here",
		"columns: [{name: a, type: number}]\nchecks: [{rule: 'len(a..1000000000) > 1'}]":                        "a range (..) is not allowed",
		"columns: [{name: a, type: number}]\nchecks: [{rule: 'repeat(\"x\", 1000000000) == \"\"'}]":             "not known here",
		"columns: [{name: a, type: number}]\nchecks: [{rule: '1 < 2'}]":                                         "names no column",
		"columns: [{name: a, type: number}]\nchecks: [{mostly: 1}]":                                             "one of unique, rule, different",
		"columns: [{name: a, type: number, chekcs: []}]":                                                        "field chekcs is unknown; allowed are name,",
		"columns: [{name: a, type: number, like: ['x%']}]":                                                      "like belongs to strings",
		"columns: [{name: a, type: string, like: ['x\\']}]":                                                     "ends in a backslash",
		"columns: [{name: a, type: string, types: [category]}]":                                                 "types is \"category\"",
		"columns: [{name: a, type: integer, types: [date]}]":                                                    "types belongs to strings",
		"columns: [{name: a, type: string, z_score: 3}]":                                                        "z_score belongs to numbers",
		"columns: [{name: a, type: number, z_score: -1}]":                                                       "z_score is -1",
		"columns: [{name: a, type: number, ks_p: 2}]":                                                           "ks_p is 2, want 0 to 1",
		"columns: [{name: a, type: string, ks_p: 0.1}]":                                                         "ks_p belongs to numbers and dates",
		"columns: [{name: a, type: date, wasserstein: 1}]":                                                      "wasserstein belongs to numbers",
		"columns: [{name: a, type: number, new_share: 0.1}]":                                                    "new_share belongs to strings, categories and booleans",
		"columns: [{name: a, type: string, empty: true}]":                                                       "add nullable: true",
		"columns: [{name: a, type: number, follows: {distribution: norm, parameters: {}, p: 0.1}}]":             "known are beta, exponential",
		"columns: [{name: a, type: number, follows: {distribution: exponential, parameters: {mean: 1}, p: 0}}]": "p is 0",
		"columns: [{name: a, type: number}]\nchecks: [{different: [a]}]":                                        "at least two columns",
		"columns: [{name: a, type: number}]\nchecks: [{combinations: {columns: [a]}}]":                          "columns and allowed are needed",
		"columns: [{name: a, type: number}]\nchecks: [{combinations: {columns: [a], allowed: [[1, 2]]}}]":       "holds 2 values for 1 columns",
		"columns: [{name: a, type: number}]\nchecks: [{combinations: {columns: [a], allowed: [[x]]}}]":          "is not of type number",
		"columns: [{name: a, type: number}]\nchecks: [{cramers_v: {columns: [a, a], max: 1}}]":                  "two columns are needed",
		"columns: [{name: a, type: number}]\nchecks: [{cramers_v: {columns: [a, b], max: 2}}]":                  "between 0 and 1",
		"columns: [{name: a, type: number}]\nchecks: [{cramers_v: {columns: [a, b]}}]":                          "min or max is needed",
		"columns: [{name: a, type: number}]\nchecks: [{depends: {column: a}}]":                                  "column and on are needed",
		"columns: [{name: a, type: number}]\nchecks: [{depends: {column: a, on: [b]}, mostly: 1}]":              "mostly belongs to expectations on each row",
		"columns: [{name: a, type: number}]\nchecks: [{rule: a > 1, unique: [a]}]":                              "one of unique, rule, different",
		"columns: [{name: a, type: string, mask: hash}]":                                                        "add personal: true",
		"columns: [{name: a, type: string, pattern: '" + strings.Repeat("a", 5000) + "'}]":                      "at most 4096",
	} {
		_, err := dataset.ParseSchema("s.yaml", []byte(text))
		require.ErrorIs(t, err, dataset.ErrSchema, text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	s := schema(t, "columns: [{name: a, type: string, values: [x]}, {name: n, type: integer, checks: [{max: 1, severity: warn}]}]")
	report := check(t, "a,n\n<script>alert(1)</script>,1\nx\x01,2\n", s, dataset.CheckOptions{MaxSample: 1})
	require.Len(t, report.Failures[0].Sample, 1)
	html, err := report.HTML()
	require.NoError(t, err)
	require.NotContains(t, string(html), "<script>")
	require.Contains(t, string(html), "&lt;script&gt;")
	require.Contains(t, string(html), "<svg")
	require.Less(t, bytes.Index(html, []byte("not valid")), bytes.Index(html, []byte("Quality")), "verdict first")
	junit, err := report.JUnit()
	require.NoError(t, err)
	require.Contains(t, string(junit), `<testsuites tests="7" failures="1" skipped="0">`)
	require.Contains(t, string(junit), "warning: column n: want values of at most 1")
}
