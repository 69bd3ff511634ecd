package dataset

import (
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/internal/junit"
)

// JUnit writes the verdict as JUnit XML: a suite for each table, a case for each
// expectation. Failures of severity warn are cases that pass and say so in their output.
func (rs Reports) JUnit() ([]byte, error) {
	suites := make([]junit.Suite, len(rs))
	for i, r := range rs {
		suites[i] = r.junit()
	}
	return junit.Marshal(suites...)
}

// JUnit writes the verdict on one table as JUnit XML; see Reports.JUnit.
func (r Report) JUnit() ([]byte, error) { return Reports{r}.JUnit() }

// HTML draws the verdict on one table; see Reports.HTML.
func (r Report) HTML() ([]byte, error) { return Reports{r}.HTML() }

func (r Report) junit() junit.Suite {
	suite := junit.Suite{Name: r.Table}
	add := func(column, expectation string, f *Failure) {
		c := junit.Case{Class: r.Table, Name: expectation}
		if column != "" {
			c.Name = column + ": " + expectation
		}
		switch {
		case f != nil && f.Severity == Error:
			c.Failure = &junit.Failure{Message: f.String(), Type: string(f.Severity), Text: f.detail()}
		case f != nil:
			c.Output = "warning: " + f.String() + "\n" + f.detail()
		}
		suite.Cases = append(suite.Cases, c)
	}
	rest := append([]Failure(nil), r.Failures...)
	for _, o := range r.Checks {
		if o.Passed {
			add(o.Column, o.Expectation, nil)
			continue
		}
		if len(rest) > 0 { // failures come in the order of the checks
			add(o.Column, o.Expectation, &rest[0])
			rest = rest[1:]
			continue
		}
		add(o.Column, o.Expectation, &Failure{Column: o.Column, Expectation: o.Expectation, Found: o.Found, Severity: o.Severity})
	}
	for i := range rest {
		add(rest[i].Column, rest[i].Expectation, &rest[i])
	}
	return suite
}

// detail lists the failing rows that are shown.
func (f Failure) detail() string {
	var out strings.Builder
	for _, s := range f.Sample {
		fmt.Fprintf(&out, "row %d", s.Row)
		if s.Line > 0 {
			fmt.Fprintf(&out, " (line %d)", s.Line)
		}
		fmt.Fprintf(&out, ": %s\n", s.Value)
	}
	return out.String()
}
