package modeltest

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/junit"
)

// JUnit writes the report as JUnit XML: a suite for each capability, a case for each test.
func (r Report) JUnit() ([]byte, error) {
	var suites []junit.Suite
	for _, t := range r.Tests {
		if len(suites) == 0 || suites[len(suites)-1].Name != t.ID {
			suites = append(suites, junit.Suite{Name: t.ID})
		}
		c := junit.Case{Class: fmt.Sprintf("%s.%s", r.Model, r.Version), Name: t.Name, Output: t.Detail}
		switch t.Status {
		case StatusFailed:
			c.Failure = &junit.Failure{Message: t.Error, Type: string(t.Status), Text: fmt.Sprintf("value %s, limit %s", text(t.Value), text(t.Limit))}
		case StatusSkipped:
			c.Skipped = &junit.Skipped{Message: t.Error}
		}
		last := &suites[len(suites)-1]
		last.Cases = append(last.Cases, c)
	}
	return junit.Marshal(suites...)
}
