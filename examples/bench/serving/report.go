package main

import (
	"fmt"
	"io"
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
		ratio := ours.rate() / theirs.rate()
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
func added(what string, ours, protocol figure, bare, most time.Duration) line {
	over := ours.p50() - bare
	return line{
		what: what, ours: ours.String(), against: "bare Run", theirs: "p50 " + duration(bare),
		ratio:  fmt.Sprintf("+ %s, %s of which an empty handler takes", duration(over), duration(protocol.p50())),
		target: "at most + " + duration(most), verdict: judged(over <= most),
	}
}

// share compares rows a second with the floor that as many rows in hand allow, and says beside it what that of any batch is.
func share(what string, ours figure, f floor, least float64) line {
	got := ours.rate() / f.allowed.rate
	return line{
		what: what, ours: ours.String(), against: fmt.Sprintf("floor of %d rows in hand", wide), theirs: fmt.Sprintf("%s (of any batch %s)", f.allowed, f.any),
		ratio:  fmt.Sprintf("%.0f %% of it (%.0f %% of any batch's)", 100*got, 100*ours.rate()/f.any.rate),
		target: fmt.Sprintf("at least %.0f %%", 100*least), verdict: judged(got >= least),
	}
}

// combined says how many rows a second these cores have room for when each costs what it costs ONNX Runtime at its floor, an empty handler
// and the load. It is a comment, not a target: the parts share caches and cores less well than each does with itself.
func combined(what string, ours, protocol figure, f floor, cores int) line {
	compute := time.Duration(float64(cores) / f.allowed.rate * float64(time.Second))
	room := float64(cores) / (compute + protocol.cpu + protocol.load).Seconds()
	return line{
		what: what, ours: ours.String(), against: "all that it takes: ONNX Runtime + an empty handler + the load",
		theirs: fmt.Sprintf("%s rows/s: %s + %s + %s of CPU a row on %d cores", count(room), duration(compute), duration(protocol.cpu), duration(protocol.load), cores),
		ratio:  fmt.Sprintf("%.0f %% of it", 100*ours.rate()/room),
	}
}

// within compares a time with what it may be.
func within(what, ours string, got time.Duration, against string, bound time.Duration, times float64) line {
	return line{
		what: what, ours: ours, against: against, theirs: duration(bound),
		ratio: fmt.Sprintf("%.2f × as long", got.Seconds()/bound.Seconds()), target: fmt.Sprintf("at most %g × as long", times),
		verdict: judged(got.Seconds() <= times*bound.Seconds()),
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
	fmt.Fprintf(w, "\nFigures are medians of the windows. Targets missed: %d; not compared: %d.\n", missed, compared)
	if size != "full" {
		fmt.Fprintln(w, "The targets are meant for size full.")
	}
}

// cell is a text as a cell of the table: one line, and not too long.
func cell(s string) string {
	r := []rune(strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "/"))
	return string(r[:min(len(r), 200)])
}

func (f figure) String() string {
	switch {
	case f.absent != "":
		return f.absent
	case !f.has():
		return ""
	}
	text := fmt.Sprintf("%s/s; p50 %s, p95 %s, p99 %s", count(f.rate()), duration(f.p50()), duration(f.p95()), duration(f.p99()))
	if f.cpu > 0 {
		text += "; CPU " + duration(f.cpu)
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
