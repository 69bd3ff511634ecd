package spec

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a spec.
type Problem struct {
	// File names the source; empty for a spec that came from no file.
	File string
	// Line and Column count from 1; 0 when the place is not known.
	Line, Column int
	// Field is the dotted path: canary.steps[2].weight. Empty for the document as a whole.
	Field string
	// Found says what is there ("0 is not allowed"); empty means that nothing is.
	Found string
	// Want says what is allowed.
	Want string
}

// Error is one line for people: "release.yaml:12: canary.steps[2].weight: 0 is not allowed; want a number in (0, 100]".
func (p Problem) Error() string {
	var b strings.Builder
	switch {
	case p.File != "" && p.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	case p.File != "":
		fmt.Fprintf(&b, "%s: ", p.File)
	case p.Line > 0:
		fmt.Fprintf(&b, "line %d: ", p.Line)
	}
	if p.Field != "" {
		b.WriteString(clip(p.Field, 120) + ": ")
	}
	if p.Found == "" {
		b.WriteString("is missing")
	} else {
		b.WriteString(p.Found)
	}
	if p.Want != "" {
		b.WriteString("; want " + p.Want)
	}
	return b.String()
}

// Problems is everything that is wrong with a spec, in the order of the file.
type Problems []Problem

// Error is one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As the single problems.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i := range p {
		errs[i] = p[i]
	}
	return errs
}

// err is p as an error, nil when there is none.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// maxProblems bounds how many problems are told; after these a reader looks again anyway.
const maxProblems = 100

// sorted orders problems by place; those without one keep their order at the end.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		switch {
		case a.Line == b.Line:
			return a.Column - b.Column
		case a.Line == 0:
			return 1
		case b.Line == 0:
			return -1
		}
		return a.Line - b.Line
	})
	if len(p) > maxProblems {
		p = append(p[:maxProblems:maxProblems], Problem{
			File: p[0].File, Found: fmt.Sprintf("%d more problems are not shown", len(p)-maxProblems),
		})
	}
	return p
}

// Placed gives problems that were found after Load their places in the spec file.
func Placed(path string, problems Problems) error {
	at := map[string]position{}
	if b, err := os.ReadFile(path); err == nil { // else they have no lines
		if _, found, err := parse(path, b); err == nil {
			at = found
		}
	}
	return slices.Clone(problems).placed(path, at).sorted().err()
}

// under tells whether field is parent or lies in it.
func under(field, parent string) bool {
	rest, ok := strings.CutPrefix(field, parent)
	return ok && (parent == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// nearest is the name in allowed that got most likely was meant to be; empty when none is close.
func nearest(got string, allowed []string) string {
	best, bestDistance := "", 3 // more than two edits is another word
	for _, name := range allowed {
		plain := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(got))
		if d := edits(plain, strings.ToLower(name)); d < bestDistance && d*2 <= len(name) {
			best, bestDistance = name, d
		}
	}
	return best
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j+1]+1, row[j]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
