package dataset_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// slices cuts a table into parts at rows.
func slices(table *dataset.Table, at ...int) []dataset.Part {
	var parts []dataset.Part
	from := 0
	for _, to := range append(at, table.Rows()) {
		part, first := table.Slice(from, to), int64(from)
		parts = append(parts, dataset.Part{First: first, Open: func() (dataset.Source, error) { return dataset.TableSource(part), nil }})
		from = to
	}
	return parts
}

// requireSameReport compares reports; numbers in them may differ in the last digits.
func requireSameReport(t *testing.T, want, got dataset.Report, msg string) {
	t.Helper()
	number := regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?`)
	read := func(r dataset.Report) (text string, numbers []float64) {
		b, err := json.MarshalIndent(r, "", " ")
		require.NoError(t, err)
		for _, n := range number.FindAllString(string(b), -1) {
			x, err := strconv.ParseFloat(n, 64)
			require.NoError(t, err)
			numbers = append(numbers, x)
		}
		return number.ReplaceAllString(string(b), "#"), numbers
	}
	wantText, wantNumbers := read(want)
	gotText, gotNumbers := read(got)
	require.Equal(t, wantText, gotText, msg)
	for i := range wantNumbers {
		require.InDelta(t, wantNumbers[i], gotNumbers[i], 1e-9*math.Max(1, math.Abs(wantNumbers[i])), msg)
	}
}

// TestPartsMergeToTheWhole holds, for every expectation, that a table cut in two
// or three gives the report of the whole, down to the rows that are shown.
func TestPartsMergeToTheWhole(t *testing.T) {
	t.Parallel()
	for i, c := range catalogue(t) {
		for _, personal := range []bool{true, false} {
			s := c.parse(t, personal)
			opts := c.options(t)
			for _, csv := range []string{c.Broken, c.Fine} {
				if csv == "" || strings.Contains(csv, ";") { // ReadCSV wants commas; TestFilesMergeToTheWhole has these
					continue
				}
				table := readCSV(t, csv, s)
				whole, err := dataset.Check(context.Background(), dataset.TableSource(table), s, opts)
				require.NoError(t, err)
				for at := 0; at <= table.Rows(); at += max(1, table.Rows()/8) {
					for _, parts := range [][]dataset.Part{slices(table, at), slices(table, at/2, at)} {
						merged, err := dataset.CheckParts(context.Background(), table.Name(), parts, s, opts)
						require.NoError(t, err)
						requireSameReport(t, whole, merged, fmt.Sprintf("case %d: %s, cut at %d of %d rows", i, c.Key, at, table.Rows()))
					}
				}
			}
		}
	}
}

// TestFilesMergeToTheWhole does the same with files, whose first rows are not known.
func TestFilesMergeToTheWhole(t *testing.T) {
	t.Parallel()
	for i, c := range catalogue(t) {
		s := c.parse(t, false)
		opts := c.options(t)
		whole := check(t, c.Broken, s, opts)
		header, rest, _ := strings.Cut(c.Broken, "\n")
		rows := strings.SplitAfter(strings.TrimSuffix(rest, "\n"), "\n")
		var parts []dataset.Part
		for at := range rows {
			text := header + "\n" + strings.TrimSuffix(rows[at], "\n") + "\n"
			parts = append(parts, dataset.Part{First: -1, Open: func() (dataset.Source, error) { return open(t, text, "t.csv", dataset.SourceOptions{}), nil }})
		}
		merged, err := dataset.CheckParts(context.Background(), "t.csv", parts, s, opts)
		require.NoError(t, err)
		line := regexp.MustCompile(` on line [0-9]+`)
		for _, r := range []*dataset.Report{&whole, &merged} { // each file counts its lines from 1
			for k := range r.Failures {
				r.Failures[k].Found = line.ReplaceAllString(r.Failures[k].Found, "")
				for j := range r.Failures[k].Sample {
					r.Failures[k].Sample[j].Line = 0
				}
			}
			for k := range r.Checks {
				r.Checks[k].Found = line.ReplaceAllString(r.Checks[k].Found, "")
			}
		}
		requireSameReport(t, whole, merged, fmt.Sprintf("case %d: %s", i, c.Key))
	}
}

const largeSchema = `
columns:
  - {name: id, type: integer, unique: true, sorted: strictly increasing}
  - {name: x, type: number, unique: true, mean: {max: 0}, std: {max: 0}, sum: {max: 0}, quantiles: [{q: 0.5, max: -100}, {q: 0.9, max: -100}], z_score: 4, ks_p: 0.999999, wasserstein: 0, psi: 0}
  - {name: w, type: string, distinct: {max: 1}, unique: true, most_common: [w1], contains: [w1, w2], entropy: {max: 0.1}}
  - {name: many, type: string, distinct: {max: 1}, unique: true}
checks:
  - {unique: [w, x]}
  - {rule: x > -1}
  - {cramers_v: {columns: [w, id], max: 0.1}}
  - {depends: {column: w, on: [x]}}
`

// TestLargePartsMerge has more values than are kept exactly.
func TestLargePartsMerge(t *testing.T) {
	t.Parallel()
	const rows = 60_000
	rng := rand.New(rand.NewPCG(5, 5))
	var csv strings.Builder
	csv.WriteString("id,x,w,many\n")
	for i := range rows {
		id := i
		if i%20_000 == 7 {
			id -= 9
		}
		fmt.Fprintf(&csv, "%d,%.4f,w%d,m%d\n", id, rng.NormFloat64(), rng.IntN(300), rng.IntN(40_000))
	}
	s := schema(t, largeSchema)
	table := readCSV(t, csv.String(), s)
	ref, err := dataset.ProfileOf(context.Background(), dataset.TableSource(table.Slice(0, 20_000)), dataset.ProfileOptions{})
	require.NoError(t, err)
	opts := dataset.CheckOptions{Now: now, Reference: ref}
	whole, err := dataset.Check(context.Background(), dataset.TableSource(table), s, opts)
	require.NoError(t, err)
	for _, workers := range []int{1, 3} {
		opts.Workers = workers
		merged, err := dataset.CheckParts(context.Background(), table.Name(), slices(table, 10_000, 20_007, 41_000), s, opts)
		require.NoError(t, err)
		require.Len(t, merged.Failures, len(whole.Failures))
		for i, want := range whole.Failures {
			got := merged.Failures[i]
			if want.Check == "distinct" && want.Column == "many" { // HyperLogLog of parts is that of the whole
				require.Equal(t, want.Found, got.Found)
			}
			require.Equal(t, want.Rows, got.Rows, want.String())
			require.Equal(t, want.Sample, got.Sample, want.String())
			require.Equal(t, want.Method, got.Method, want.String())
		}
		// The counts of values beyond the limit are of no account here.
		whole.Columns, merged.Columns = nil, nil
		requireSameReport(t, whole, merged, "large")
	}
}

func TestPartsThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := schema(t, "columns: [{name: a, type: string}]")
	part := func(csv string) dataset.Part {
		return dataset.Part{First: -1, Open: func() (dataset.Source, error) { return open(t, csv, "p.csv", dataset.SourceOptions{}), nil }}
	}
	_, err := dataset.CheckParts(context.Background(), "t", []dataset.Part{part("a\nx\n"), part("b\nx\n")}, s, dataset.CheckOptions{})
	require.ErrorIs(t, err, dataset.ErrSource)
	require.ErrorContains(t, err, "not those of the parts before")
	_, err = dataset.CheckParts(context.Background(), "t", nil, s, dataset.CheckOptions{})
	require.ErrorContains(t, err, "no parts")
	_, err = dataset.CheckParts(context.Background(), "t", []dataset.Part{part("a\nx\n"), part("a\nx,y\n")}, s, dataset.CheckOptions{})
	require.ErrorIs(t, err, dataset.ErrCSV)
	gone := errors.New("gone")
	_, err = dataset.CheckParts(context.Background(), "t", []dataset.Part{part("a\nx\n"), {Open: func() (dataset.Source, error) { return nil, gone }}}, s, dataset.CheckOptions{})
	require.ErrorIs(t, err, gone)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, err = dataset.CheckParts(ctx, "t", []dataset.Part{part("a\nx\n"), part("a\ny\n")}, s, dataset.CheckOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

// TestNarrowTablesAreCheckedInChunks holds that a long table of few columns gives
// the same report however many workers look at it.
func TestNarrowTablesAreCheckedInChunks(t *testing.T) {
	t.Parallel()
	var csv strings.Builder
	csv.WriteString("a,b\n")
	for i := range 140_000 {
		fmt.Fprintf(&csv, "%d,%d\n", i%139_990, i%7)
	}
	s := schema(t, "columns: [{name: a, type: integer, unique: true, mean: {max: 0}}, {name: b, type: category, values: ['1', '2', '3', '4', '5', '6']}]")
	table := readCSV(t, csv.String(), s)
	var reports []dataset.Report
	for _, workers := range []int{1, 4} {
		seen := int64(0)
		r, err := dataset.Check(context.Background(), dataset.TableSource(table), s, dataset.CheckOptions{Now: now, Workers: workers, Progress: func(n int64) { seen = n }})
		require.NoError(t, err)
		require.Equal(t, int64(140_000), seen)
		reports = append(reports, r)
	}
	require.Equal(t, 10, reports[0].Failures[0].Rows)
	requireSameReport(t, reports[0], reports[1], "chunks")
}
