package main

import (
	"fmt"
	"io"
	"strings"
)

// line is one comparison of the table.
type line struct {
	what    string
	ours    figure
	note    string // on ours: throughput, what was stored
	against string // who else did it; empty: there is only the target
	theirs  figure
	remark  string // on theirs
	target  target
}

// target is what ours must reach; the zero value is none.
type target struct {
	text string
	met  func(line) bool
}

// asFast wants ours to take at most 1/n of their time.
func asFast(n float64) target {
	return target{fmt.Sprintf("%g × as fast", n), func(l line) bool { return l.theirs.seconds() >= n*l.ours.seconds() }}
}

// asLong wants ours to take at most n times their time.
func asLong(n float64) target {
	return target{fmt.Sprintf("at most %g × as long", n), func(l line) bool { return l.ours.seconds() <= n*l.theirs.seconds() }}
}

// alone wants something of ours that has nothing to do with others.
func alone(text string, met bool) target { return target{text, func(line) bool { return met }} }

// printTable writes the table as Markdown.
func printTable(w io.Writer, size string, lines []line) {
	fmt.Fprintf(w, "| what (size %s) | ours | runs | CPU, peak | against | theirs | runs | CPU, peak | ratio | target | |\n", size)
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	missed := 0
	for _, l := range lines {
		verdict := l.verdict()
		if verdict == "missed" {
			missed++
		}
		cells := []string{l.what, text(l.ours, l.note), runs(l.ours), costs(l.ours), l.against, "", "", "", "", l.target.text, verdict}
		if l.against != "" {
			cells[5], cells[6], cells[7], cells[8] = text(l.theirs, l.remark), runs(l.theirs), costs(l.theirs), ratio(l)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(w, "\nTimes are medians of the runs, peaks the largest of them. Targets missed: %d.\n", missed)
	if size != "full" {
		fmt.Fprintln(w, "The targets are meant for size full.")
	}
}

func (l line) verdict() string {
	switch {
	case l.target.text == "" || !l.ours.has():
		return ""
	case l.against != "" && !l.theirs.has():
		return "not compared"
	case l.target.met(l):
		return "met"
	}
	return "missed"
}

// ratio says how ours compares; a peer that was killed took longer than it says.
func ratio(l line) string {
	if !l.ours.has() || !l.theirs.has() {
		return ""
	}
	ours, theirs := l.ours.seconds(), l.theirs.seconds()
	if strings.HasPrefix(l.target.text, "at most") || l.target.text == "" {
		return fmt.Sprintf("%.2f × as long", ours/theirs)
	}
	more := ""
	if l.theirs.over {
		more = "over "
	}
	return fmt.Sprintf("%s%.1f × as fast", more, theirs/ours)
}

func text(f figure, note string) string {
	if !f.has() {
		// An error may be of several lines; a cell is one.
		reason := []rune(strings.ReplaceAll(strings.Join(strings.Fields(f.absent), " "), "|", "/"))
		return string(reason[:min(len(reason), 200)])
	}
	s := f.seconds()
	out := fmt.Sprintf("%.2f s", s)
	if s >= 100 {
		out = fmt.Sprintf("%.0f s", s)
	}
	if f.over {
		out = "killed after " + out
	}
	if note != "" {
		out += ", " + note
	}
	return out
}

func runs(f figure) string {
	if !f.has() {
		return ""
	}
	return fmt.Sprint(len(f.samples))
}

func costs(f figure) string {
	if !f.has() {
		return ""
	}
	return fmt.Sprintf("%.1f s, %d MiB", f.cpu(), f.peak()>>20)
}
