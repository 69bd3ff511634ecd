package modeltest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/stats"
)

const (
	// fewValues is up to how many different numbers are groups of their own.
	fewValues = 12
	// mostValues bounds the groups of a column of words, the most common ones.
	mostValues = 20
	// quantiles are the groups of a column of many numbers.
	quantiles = 5
)

// grouping is a column cut into groups that have words.
type grouping struct {
	stats.SliceColumn
	words []string // by group
}

// groupings cuts the columns of a table, the label aside, into groups. Words
// of a personal column name no value of it.
func groupings(t *dataset.Table, rows []int, label string, personal func(string) bool, minRows int) []grouping {
	var out []grouping
	for _, c := range t.Columns() {
		if c.Name == label {
			continue
		}
		var g grouping
		if c.Kind.Numeric() {
			g = groupNumbers(t, rows, c.Name, minRows, personal(c.Name))
		} else {
			g = groupWords(t, rows, c.Name, minRows, personal(c.Name))
		}
		if g.Groups > 0 {
			out = append(out, g)
		}
	}
	return out
}

// groupNumbers makes a group of each value where there are few, else of each fifth of the rows.
func groupNumbers(t *dataset.Table, rows []int, name string, minRows int, personal bool) grouping {
	all, err := t.Floats(name)
	if err != nil {
		return grouping{} // no column of numbers after all
	}
	var known []float64
	distinct := map[float64]bool{}
	for _, row := range rows {
		if v := all[row]; isFinite(v) {
			known = append(known, v)
			distinct[v] = true
		}
	}
	if len(distinct) <= fewValues {
		return groupWords(t, rows, name, minRows, personal)
	}
	slices.Sort(known)
	var edges []float64
	for q := 1; q < quantiles; q++ {
		edge := known[(q*len(known)-1)/quantiles]
		if (len(edges) == 0 || edge > edges[len(edges)-1]) && edge < known[len(known)-1] {
			edges = append(edges, edge)
		}
	}
	g := grouping{words: make([]string, len(edges)+2)}
	g.Codes, g.Groups = make([]int, len(rows)), len(g.words)
	for i, row := range rows {
		g.Codes[i] = len(edges) + 1 // missing
		if v := all[row]; !math.IsNaN(v) {
			g.Codes[i], _ = slices.BinarySearch(edges, v)
		}
	}
	for i := range g.words {
		g.words[i] = numberWords(name, edges, i, personal)
	}
	return g
}

func numberWords(name string, edges []float64, group int, personal bool) string {
	switch {
	case group > len(edges):
		return name + " missing"
	case personal:
		return fmt.Sprintf("%s in part %d of %d, ascending", name, group+1, len(edges)+1)
	case group == 0:
		return fmt.Sprintf("%s <= %s", name, plain(edges[0]))
	case group == len(edges):
		return fmt.Sprintf("%s > %s", name, plain(edges[group-1]))
	}
	return fmt.Sprintf("%s < %s <= %s", plain(edges[group-1]), name, plain(edges[group]))
}

func plain(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// groupWords makes a group of each value that has enough rows, the most common ones first.
func groupWords(t *dataset.Table, rows []int, name string, minRows int, personal bool) grouping {
	values, nulls, err := t.Strings(name)
	if err != nil {
		return grouping{}
	}
	counts := map[string]int{}
	missing := 0
	for _, row := range rows {
		if nulls[row] {
			missing++
		} else {
			counts[values[row]]++
		}
	}
	kept := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for i, value := range kept {
		if counts[value] < minRows || i == mostValues {
			kept = kept[:i]
			break
		}
	}
	var g grouping
	places := make(map[string]int, len(kept))
	for i, value := range kept {
		places[value] = i
		if personal {
			g.words = append(g.words, name+": the "+ordinal(i+1)+"most common value")
		} else {
			g.words = append(g.words, name+" = "+brief(value))
		}
	}
	if missing >= minRows {
		g.words = append(g.words, name+" missing")
	}
	g.Codes, g.Groups = make([]int, len(rows)), len(g.words)
	for i, row := range rows {
		place, ok := places[values[row]]
		switch {
		case nulls[row] && missing >= minRows:
			g.Codes[i] = len(g.words) - 1
		case nulls[row] || !ok:
			g.Codes[i] = -1
		default:
			g.Codes[i] = place
		}
	}
	return g
}

// brief shortens a long value.
func brief(value string) string {
	const most = 60
	if runes := []rune(value); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return value
}

// ordinal is empty for 1, and ends in a space for others.
func ordinal(n int) string {
	suffix := "th "
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st "
		case 2:
			suffix = "nd "
		case 3:
			suffix = "rd "
		}
	}
	if n == 1 {
		return ""
	}
	return strconv.Itoa(n) + suffix
}
