package junit_test

import (
	"encoding/xml"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/junit"
)

func TestMarshal(t *testing.T) {
	t.Parallel()
	b, err := junit.Marshal(
		junit.Suite{Name: "a <b>", Seconds: 1.5, Cases: []junit.Case{
			{Class: "c", Name: "passes", Output: "well\x00done"},
			{Class: "c", Name: "fails", Failure: &junit.Failure{Message: `"no"`, Type: "error", Text: "why"}},
			{Class: "c", Name: "waits", Skipped: &junit.Skipped{Message: "later"}},
		}},
		junit.Suite{Name: "empty"},
	)
	require.NoError(t, err)
	var got struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(b, &got))
	require.Equal(t, [3]int{3, 1, 1}, [3]int{got.Tests, got.Failures, got.Skipped})
	require.Equal(t, "a <b>", got.Suites[0].Name)
	require.Nil(t, got.Suites[0].Cases[0].Failure)
	require.Equal(t, `"no"`, got.Suites[0].Cases[1].Failure.Message)
}
