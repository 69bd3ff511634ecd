package dataset_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// realTables are real tables to be split: rows of text by name.
func realTables(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, path := range map[string]string{
		"weather": "testdata/weather.csv", "airports": "testdata/airports.csv", "credit": "../../examples/credit-risk/data/german.csv",
	} {
		b, err := os.ReadFile(filepath.FromSlash(path))
		require.NoError(t, err)
		out[name] = strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	return out
}

func inferText(t *testing.T, csv string) *dataset.Schema {
	t.Helper()
	s, err := dataset.Infer(context.Background(), open(t, csv, "t.csv", dataset.SourceOptions{}))
	require.NoError(t, err)
	b, err := s.YAML()
	require.NoError(t, err)
	return schema(t, string(b))
}

// split draws the rows of a table into two halves.
func split(rows []string, seed uint64) (a, b string) {
	rng := rand.New(rand.NewPCG(seed, 1))
	a, b = rows[0]+"\n", rows[0]+"\n"
	for _, row := range rows[1:] {
		if rng.IntN(2) == 0 {
			a += row + "\n"
		} else {
			b += row + "\n"
		}
	}
	return a, b
}

// TestInferredSchemaPassesTheOtherHalf splits real tables at random.
func TestInferredSchemaPassesTheOtherHalf(t *testing.T) {
	t.Parallel()
	for name, rows := range realTables(t) {
		for seed := range uint64(5) {
			a, b := split(rows, seed)
			for _, way := range [][2]string{{a, b}, {b, a}} {
				report := check(t, way[1], inferText(t, way[0]), dataset.CheckOptions{})
				require.True(t, report.Passed, "%s, seed %d: %v", name, seed, report.Failures)
			}
		}
	}
}

// TestInferredSchemaRefusesTheOtherHalfBroken breaks the other half in ways that happen.
func TestInferredSchemaRefusesTheOtherHalfBroken(t *testing.T) {
	t.Parallel()
	tables := realTables(t)
	edit := func(column int, change func(string) string) func(cells []string) {
		return func(cells []string) { cells[column] = change(cells[column]) }
	}
	swap := func(i, j int) func(cells []string) {
		return func(cells []string) { cells[i], cells[j] = cells[j], cells[i] }
	}
	for _, c := range []struct {
		table, name string
		change      func(cells []string)
		finds       string // key of the expectation that must be among those that fail
	}{
		{"weather", "temperatures exchanged", swap(2, 3), "rule"},
		{"weather", "Fahrenheit for Celsius", edit(2, func(v string) string { x, _ := strconv.ParseFloat(v, 64); return fmt.Sprint(x*9/5 + 132) }), "max"},
		{"weather", "another order of dates", edit(0, func(v string) string { return v[8:] + "/" + v[5:7] + "/" + v[:4] }), "type"},
		{"weather", "words shortened", edit(5, func(v string) string { return v[:2] }), "values"},
		{"weather", "half without wind", func(cells []string) {
			if len(cells[1])%2 == 1 {
				cells[4] = ""
			}
		}, "null_share"},
		{"weather", "millimetres to micrometres", edit(1, func(v string) string { return strings.Replace(v, ".", "00", 1) + "0" }), "max"},
		{"airports", "small letters", edit(0, strings.ToLower), "pattern"},
		{"airports", "codes that repeat", edit(0, func(v string) string { return v[:2] }), "unique"},
		{"airports", "place exchanged", swap(5, 6), "min"},
		{"airports", "text cut", edit(4, func(v string) string { return v[:2] }), "values"},
		{"credit", "years for months", edit(1, func(v string) string { return v + "000" }), "max"},
	} {
		rows := tables[c.table]
		a, b := split(rows, 3)
		lines := strings.Split(strings.TrimSpace(b), "\n")
		for i := 1; i < len(lines); i++ {
			cells := strings.Split(lines[i], ",")
			if len(cells) != len(strings.Split(lines[0], ",")) {
				continue // a quoted comma
			}
			c.change(cells)
			lines[i] = strings.Join(cells, ",")
		}
		report := check(t, strings.Join(lines, "\n")+"\n", inferText(t, a), dataset.CheckOptions{})
		require.False(t, report.Passed, "%s: %s", c.table, c.name)
		keys := []string{}
		for _, f := range report.Failures {
			keys = append(keys, f.Check)
		}
		require.Contains(t, keys, c.finds, "%s: %s: %v", c.table, c.name, report.Failures)
	}
}

// TestInferProposesRules looks at rules between columns: said where they can hardly be chance.
func TestInferProposesRules(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	var csv strings.Builder
	csv.WriteString("low,middle,high,apart,loose,opened,closed,word,same word,other word,max\n")
	for i := range 400 {
		low := rng.IntN(100)
		high := low + rng.IntN(50)
		opened := rng.IntN(20)
		word := []string{"x", "y", "z"}[rng.IntN(3)]
		closed := fmt.Sprintf("2024-02-%02d", opened+1+rng.IntN(8))
		if i%9 == 0 {
			closed = ""
		}
		fmt.Fprintf(&csv, "%d,%d,%d,%d,%d,2024-02-%02d,%s,%s,%s,%s,%d\n", low, (low+high)/2, high, 1000+rng.IntN(50), rng.IntN(150), opened+1, closed, word, word, []string{"x", "y", "z"}[rng.IntN(3)], high+1)
	}
	s := inferText(t, csv.String())
	rules := []string{}
	for _, c := range s.Checks {
		rules = append(rules, c.Rule)
		require.InDelta(t, 0.99, *c.Mostly, 0.01)
		require.Contains(t, c.Reason, "held in all")
	}
	require.ElementsMatch(t, []string{"low <= middle", "middle <= high", `high <= $env["max"]`, "opened <= closed", `word == $env["same word"]`}, rules,
		"not those that hold because the ranges lie apart, nor what follows from others")
	require.True(t, check(t, csv.String(), s, dataset.CheckOptions{}).Passed)
}

// TestInferSuggestsMasks looks at columns that hold personal data.
func TestInferSuggestsMasks(t *testing.T) {
	t.Parallel()
	var csv strings.Builder
	csv.WriteString("contact,tel,pay,host,surname,born,plain,card as number\n")
	for i := range 100 {
		iban := ""
		for k := range 97 { // find the check digits
			if text := fmt.Sprintf("DE%02d37040044%010d", k+2, 532013000+i); isIBAN(text) {
				iban = text
				break
			}
		}
		card := fmt.Sprintf("411111111%06d", i)
		fmt.Fprintf(&csv, "u%d@example.com,+49 170 %07d,%s,10.0.%d.7,Name%d,19%02d-02-03,%d,%s\n", i, i*977, iban, i, i, i%90+10, i, card+luhn(card))
	}
	src := open(t, csv.String(), "t.csv", dataset.SourceOptions{})
	s, err := dataset.Infer(context.Background(), src)
	require.NoError(t, err)
	b, err := s.YAML()
	require.NoError(t, err)
	for column, mask := range map[string]dataset.MaskMode{
		"contact": dataset.MaskHash, "tel": dataset.MaskHash, "pay": dataset.MaskHash, "host": dataset.MaskHash, "surname": dataset.MaskToken, "born": dataset.MaskTruncate, "card as number": dataset.MaskHash,
	} {
		for _, r := range s.Columns {
			if r.Name == column {
				require.True(t, r.Personal, column)
				require.Equal(t, mask, r.Mask, column)
			}
		}
	}
	require.False(t, s.Personal("plain"))
	for _, says := range []string{
		"# Suggestion: looks like e-mail addresses. If so, keep personal, and choose the mask: hash, token, truncate or drop.\n  - name: contact",
		"looks like phone numbers", "looks like IBANs", "looks like IP addresses", "looks like names of people", "looks like dates of birth", "looks like card numbers",
	} {
		require.Contains(t, string(b), says)
	}
	for _, secret := range []string{"example", "0170", "3704", "10.0.", "Name1", "19", "4111"} {
		require.NotContains(t, string(b), secret, "no personal value stands in a schema")
	}
	require.True(t, check(t, csv.String(), schema(t, string(b)), dataset.CheckOptions{}).Passed)
}

// isIBAN is the oracle of the test: the number, rearranged, is 1 modulo 97.
func isIBAN(s string) bool {
	rest := 0
	for _, c := range s[4:] + "1314" + s[2:4] {
		rest = (rest*10 + int(c-'0')) % 97
	}
	return rest == 1
}

// luhn is the check digit of a card number.
func luhn(s string) string {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return strconv.Itoa((10 - sum%10) % 10)
}

// TestInferBoundsNulls holds that a column that empties is found, and one null more is not.
func TestInferBoundsNulls(t *testing.T) {
	t.Parallel()
	table := func(every int) string {
		var csv strings.Builder
		csv.WriteString("a,b\n")
		for i := range 400 {
			a, b := fmt.Sprint(i%7), fmt.Sprint(i%13)
			if i%every == 0 {
				a = ""
			}
			csv.WriteString(a + "," + b + "\n")
		}
		return csv.String()
	}
	s := inferText(t, table(40))
	require.NotNil(t, s.Columns[0].NullShare)
	require.True(t, check(t, table(25), s, dataset.CheckOptions{}).Passed)
	require.True(t, check(t, strings.Replace(table(40), "1,1\n", "1,\n", 1), s, dataset.CheckOptions{}).Passed, "a null where others are")
	report := check(t, table(2), s, dataset.CheckOptions{})
	require.False(t, report.Passed)
	require.Equal(t, "null_share", report.Failures[0].Check)
}
