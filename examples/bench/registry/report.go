package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// line is one comparison of the table.
type line struct {
	what, database, by  string
	ours, theirs, floor []float64 // seconds; an empty floor is none
	most                float64   // seconds that our 95th percentile may have; 0: no bound
	times               float64   // how many times as fast ours must be
	quantile            float64   // of which the ratio is
}

// compare makes the lines of one database and one way of loading.
func compare(database, by string, z size, ours, theirs, floor figures) []line {
	return []line{
		{what: "log-batch of 1,000 metrics", database: database, by: by, ours: ours.Batch, theirs: theirs.Batch, floor: floor.Batch, times: 10, quantile: 0.5},
		{what: "create a run", database: database, by: by, ours: ours.Create, theirs: theirs.Create, floor: floor.Create, times: 5, quantile: 0.5},
		{
			what: fmt.Sprintf("search %d runs, %d points", z.runs, z.runs*10*z.steps), database: database, by: by,
			ours: ours.Search, theirs: theirs.Search, most: 0.040, times: 10, quantile: 0.95,
		},
	}
}

// at is the q-quantile of times: the smallest that so many are not above.
func at(times []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

func (l line) ratio() float64 { return at(l.theirs, l.quantile) / at(l.ours, l.quantile) }

func (l line) met() bool {
	return l.ratio() >= l.times && (l.most == 0 || at(l.ours, 0.95) <= l.most)
}

func (l line) target() string {
	text := fmt.Sprintf("%g × as fast", l.times)
	if l.most > 0 {
		text = fmt.Sprintf("p95 ≤ %s, %s", milliseconds(l.most), text)
	}
	return text
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.3g ms", seconds*1000) }

func text(times []float64) string {
	if len(times) == 0 {
		return ""
	}
	return fmt.Sprintf("%s, %s", milliseconds(at(times, 0.5)), milliseconds(at(times, 0.95)))
}

// printTable writes the table as Markdown.
func printTable(w io.Writer, size string, lines []line) {
	fmt.Fprintf(w, "| what (size %s) | on | by | slipwayd: median, p95 | mlflow server: median, p95 | requests | ratio | database alone | target | |\n", size)
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	missed := 0
	for _, l := range lines {
		verdict := "met"
		if !l.met() {
			verdict = "missed"
			missed++
		}
		cells := []string{l.what, l.database, l.by, text(l.ours), text(l.theirs), fmt.Sprint(len(l.ours)), fmt.Sprintf("%.1f × as fast", l.ratio()), text(l.floor), l.target(), verdict}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(w, "\nRatios are of medians; of a search, of the 95th percentiles. Targets missed: %d.\n", missed)
	if size != "full" {
		fmt.Fprintln(w, "The targets are meant for size full.")
	}
}
