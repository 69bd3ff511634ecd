package dataset

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The elements of a JUnit report that tools agree on.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the verdict as JUnit XML: a suite for each table, a case for each
// expectation. Failures of severity warn are cases that pass and say so in their output.
func (rs Reports) JUnit() ([]byte, error) {
	all := junitSuites{}
	for _, r := range rs {
		suite := r.junit()
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Suites = append(all.Suites, suite)
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write junit report: %w", err)
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}

// JUnit writes the verdict on one table as JUnit XML; see Reports.JUnit.
func (r Report) JUnit() ([]byte, error) { return Reports{r}.JUnit() }

// HTML draws the verdict on one table; see Reports.HTML.
func (r Report) HTML() ([]byte, error) { return Reports{r}.HTML() }

func (r Report) junit() junitSuite {
	suite := junitSuite{Name: r.Table}
	add := func(column, expectation string, f *Failure) {
		c := junitCase{Class: r.Table, Name: expectation}
		if column != "" {
			c.Name = column + ": " + expectation
		}
		switch {
		case f != nil && f.Severity == Error:
			c.Failure = &junitFailure{Message: f.String(), Type: string(f.Severity), Text: f.detail()}
			suite.Failures++
		case f != nil:
			c.Output = "warning: " + f.String() + "\n" + f.detail()
		}
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
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
