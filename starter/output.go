package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// Colors of states.
const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// printJSON prints one JSON document for programs.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printLine prints one JSON document on one line.
func (a *app) printLine(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table prints rows in columns as wide as their widest cell. Its cells come
// from people and files: control characters in them are not printed.
func (a *app) table(header []string, rows [][]string) {
	widths := make([]int, len(header))
	lines := append([][]string{header}, rows...)
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], runewidth.StringWidth(clean(cell)))
		}
	}
	color := a.colored()
	for n, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			cell = clean(cell)
			pad := strings.Repeat(" ", widths[i]-runewidth.StringWidth(cell)+2)
			if color && n > 0 {
				cell = paint(cell)
			}
			b.WriteString(cell)
			if i < len(line)-1 {
				b.WriteString(pad)
			}
		}
		fmt.Fprintln(a.stdout, strings.TrimRight(b.String(), " "))
	}
}

// pairs prints names and values, one a line; empty values are left out.
func pairs(w io.Writer, namesAndValues ...string) {
	width := 0
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] != "" {
			width = max(width, len(namesAndValues[i]))
		}
	}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] != "" {
			fmt.Fprintf(w, "%-*s  %s\n", width, namesAndValues[i], clean(namesAndValues[i+1]))
		}
	}
}

// paint colors the words that are states or outcomes.
func paint(cell string) string {
	switch cell {
	case "passed", "production", "accepted", "ok", "completed":
		return green + cell + plain
	case "failed", "rejected", "expired", "rolled_back", "aborted", "refused", "ignored", "drift", "cancelled", "terminated":
		return red + cell + plain
	case "running", "waiting", "paused", "staging", "planning", "finishing":
		return yellow + cell + plain
	}
	return cell
}

// clean puts text on one line and takes control characters out, so that what
// others wrote can't steer a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// when prints a time in the reader's zone.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// span prints a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// short is enough of a digest to tell it from others.
func short(digest string) string {
	if hex, ok := strings.CutPrefix(digest, "sha256:"); ok && len(hex) > 12 {
		return hex[:12]
	}
	return digest
}

// size prints bytes as people say it.
func size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, i := float64(n), 0
	for v >= 1000 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
