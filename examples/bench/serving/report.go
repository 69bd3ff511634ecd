package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// line is one comparison of the table, in words.
type line struct {
	what          string
	ours          string
	against       string // who else, or what bounds it; empty: nobody
	theirs        string
	ratio, target string
	verdict       verdict
}

// verdict is whether a target is met.
type verdict string

// Verdicts. What has no target has none; a peer that is not there counts as nothing.
const (
	met         verdict = "met"
	missed      verdict = "missed"
	notCompared verdict = "not compared"
	open        verdict = ""
)

func judged(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

// many compares answers a second: ours must be so many times theirs; 0 is no target.
func many(what string, ours figure, against string, theirs figure, times float64) line {
	l := line{what: what, ours: ours.String(), against: against, theirs: theirs.String(), verdict: notCompared}
	if times > 0 {
		l.target = fmt.Sprintf("%g × as many", times)
	}
	if ours.has() && theirs.has() {
		ratio := paired(ours, theirs, timesAsMany)
		l.ratio = fmt.Sprintf("%.1f × as many", ratio)
		if ratio < 1 {
			l.ratio = fmt.Sprintf("%.2f × as many", ratio)
		}
		l.verdict = judged(ratio >= times)
	}
	if times == 0 {
		l.verdict = open
	}
	return l
}

// added compares the median of one caller with that of a bare Run: at most so much may come on top. Protocol is what a handler does that
// only reads and answers.
func added(what string, ours, protocol, bare figure, most time.Duration) line {
	over := paired(ours, bare, func(ours, bare window) time.Duration { return ours.p50 - bare.p50 })
	return line{
		what: what, ours: ours.String(), against: "bare Run", theirs: "p50 " + duration(bare.p50()),
		ratio:  fmt.Sprintf("+ %s, %s of which an empty handler takes", duration(over), duration(protocol.p50())),
		target: "at most + " + duration(most), verdict: judged(over <= most),
	}
}

// share compares rows a second with the floor that as many rows in hand allow, and says beside it what that of any batch is, by how much more
// the first pass found that to be.
func share(what string, ours, slices figure, f floor, least float64) line {
	got := paired(ours, slices, timesAsMany)
	more := f.any.rate / f.allowed.rate
	return line{
		what: what, ours: ours.String(), against: fmt.Sprintf("floor of %d rows in hand", wide),
		theirs: fmt.Sprintf("%s rows/s, %s (of any batch %.2f × as many, %s)", count(slices.rate()), f.allowed.way(), more, f.any.way()),
		ratio:  fmt.Sprintf("%.0f %% of it (%.0f %% of any batch's)", 100*got, 100*got/more),
		target: fmt.Sprintf("at least %.0f %%", 100*least), verdict: judged(got >= least),
	}
}

// combined says how many rows a second these cores have room for when each costs what it costs ONNX Runtime at its floor, an empty handler
// and the load. It is a comment, not a target: the parts share caches and cores less well than each does with itself.
func combined(what string, ours, protocol, slices figure, cores int) line {
	compute := func(slice window) time.Duration {
		return time.Duration(float64(cores) / slice.rate * float64(time.Second))
	}
	room := func(slice window) float64 {
		return float64(cores) / (compute(slice) + protocol.cpu() + protocol.load()).Seconds()
	}
	return line{
		what: what, ours: ours.String(), against: "all that it takes: ONNX Runtime + an empty handler + the load",
		theirs: fmt.Sprintf("%s rows/s: %s + %s + %s of CPU a row on %d cores", count(middle(slices, room)), duration(middle(slices, compute)),
			duration(protocol.cpu()), duration(protocol.load()), cores),
		ratio: fmt.Sprintf("%.0f %% of it", 100*paired(ours, slices, func(ours, slice window) float64 { return ours.rate / room(slice) })),
	}
}

// waited compares the slowest answers with the time of a batch alone.
func waited(what string, ours figure, batch int, alone figure, times float64) line {
	return within(what, "p99 "+duration(ours.p99()), fmt.Sprintf("a batch of %d alone", batch), alone.p50(),
		paired(ours, alone, func(ours, alone window) float64 { return ours.p99.Seconds() / alone.p50.Seconds() }), times)
}

// within compares a time with what it may be.
func within(what, ours, against string, bound time.Duration, ratio, times float64) line {
	return line{
		what: what, ours: ours, against: against, theirs: duration(bound),
		ratio: fmt.Sprintf("%.2f × as long", ratio), target: fmt.Sprintf("at most %g × as long", times), verdict: judged(ratio <= times),
	}
}

// printTable writes the table as Markdown.
func printTable(w io.Writer, size string, lines []line) {
	fmt.Fprintf(w, "| what (size %s) | ours | against | theirs | ratio | target | |\n", size)
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- |")
	missed, compared := 0, 0
	for _, l := range lines {
		switch l.verdict {
		case notCompared:
			compared++
		case "missed":
			missed++
		}
		cells := []string{l.what, l.ours, l.against, l.theirs, l.ratio, l.target, string(l.verdict)}
		for i, c := range cells {
			cells[i] = cell(c)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(w, "\nFigures are medians of the windows, ratios those of the windows' own ratios. Targets missed: %d; not compared: %d.\n", missed, compared)
	if size != "full" {
		fmt.Fprintln(w, "The targets are meant for size full.")
	}
}

// printMoved tells how far the floor moved within the run: how noisy the host was.
func printMoved(w io.Writer, floors map[string][]window) {
	for _, name := range slices.Sorted(maps.Keys(floors)) {
		var rates []float64
		for _, slice := range floors[name] {
			rates = append(rates, slice.rate)
		}
		low, high := slices.Min(rates), slices.Max(rates)
		fmt.Fprintf(w, "The floor of %s moved within the run: %s to %s rows/s, %.2f ×, in %d slices.\n", name, count(low), count(high), high/low, len(rates))
	}
}

// cell is a text as a cell of the table: one line, and not too long.
func cell(s string) string {
	r := []rune(strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "/"))
	return string(r[:min(len(r), 200)])
}

// noise is the share of a processor from which on what a server takes while another is measured is told.
const noise = 0.01

func (f figure) String() string {
	switch {
	case f.absent != "":
		return f.absent
	case !f.has():
		return ""
	}
	text := fmt.Sprintf("%s/s; p50 %s, p95 %s, p99 %s", count(f.rate()), duration(f.p50()), duration(f.p95()), duration(f.p99()))
	if cpu := f.cpu(); cpu > 0 {
		text += "; CPU " + duration(cpu)
	}
	if f.restless() >= noise {
		text += fmt.Sprintf("; not idle between its turns: %.1f %% of a processor", 100*f.restless())
	}
	return text
}

func count(v float64) string { return fmt.Sprintf("%.0f", v) }

// duration is a time with three digits.
func duration(d time.Duration) string {
	switch s := d.Seconds(); {
	case s >= 1:
		return fmt.Sprintf("%.3g s", s)
	case s >= 1e-3:
		return fmt.Sprintf("%.3g ms", s*1e3)
	default:
		return fmt.Sprintf("%.3g µs", s*1e6)
	}
}
