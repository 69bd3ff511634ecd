package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReportsAreAsGoodAsTheWeakestTable(t *testing.T) {
	t.Parallel()
	rs := Reports{
		{Table: "train.csv", Passed: true, Rows: 600, Quality: map[string]float64{Completeness: 1, Validity: 1}},
		{Table: "test.csv", Rows: 200, Quality: map[string]float64{Completeness: 0.5, Validity: 1}, Failures: []Failure{
			{Column: "age", Expectation: "not null", Found: "100 nulls", Severity: Error, Rows: 100, Sample: []Sample{{Line: 3, Value: Masked}}},
		}},
	}
	require.False(t, rs.Passed())
	require.Contains(t, rs.Summary(), "test.csv")
	require.Equal(t, map[string]float64{Completeness: 0.5, Validity: 1}, rs.Quality())
	html, err := rs.HTML()
	require.NoError(t, err)
	require.Contains(t, string(html), "The data is not valid")
	require.Contains(t, string(html), "not null")
	require.True(t, rs[:1].Passed())
	require.Contains(t, rs[:1].Summary(), "600 rows in 1 tables")
}
