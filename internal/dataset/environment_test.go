package dataset_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

const environments = `
environments: [training, serving]
columns:
  - {name: id, type: integer, checks: [{unique: true, environments: [training]}]}
  - {name: x, type: number, checks: [{max: 10, environments: [training]}, {max: 5, environments: [serving]}]}
  - {name: label, type: string, personal: true, values: [yes, no], environments: [training]}
  - {name: request, type: string, environments: [serving]}
checks:
  - {rule: id < 100, environments: [serving]}
  - {depends: {column: label, on: [x]}}
`

// TestEnvironments asks of each table what its environment expects, and nothing else.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	whole := schema(t, environments)
	for _, c := range []struct {
		environment, csv string
		fails            []string
	}{
		{"training", "id,x,label\n1,9,yes\n200,10,no\n", nil},
		{"serving", "id,x,request\n1,4,a\n1,5,b\n", nil},
		{"training", "id,x,label\n1,9,secret\n1,11,no\n", []string{"unique", "max", "values"}},
		{"training", "id,x,label\n1,9,yes\n2,9,no\n", []string{"depends"}},
		{"training", "id,x,request\n1,9,a\n", []string{"extra_column", "missing_column", "depends"}},
		{"serving", "id,x,request,label\n200,6,a,secret\n", []string{"extra_column", "max", "rule"}},
		{"", "id,x,label,request\n1,9,yes,a\n", []string{"max"}},
		{"", "id,x,label\n1,4,yes\n", []string{"missing_column"}},
	} {
		s, err := whole.In(c.environment)
		require.NoError(t, err)
		report := check(t, c.csv, s, dataset.CheckOptions{})
		var fails []string
		for _, f := range report.Failures {
			fails = append(fails, f.Check)
		}
		require.ElementsMatch(t, c.fails, fails, "%s: %s", c.environment, c.csv)
		text, err := report.HTML()
		require.NoError(t, err)
		require.NotContains(t, string(text), "secret", "personal in every environment")
	}
	require.Contains(t, check(t, "id,x,request,label\n1,1,a,yes\n", inEnvironment(t, whole, "serving"), dataset.CheckOptions{}).Failures[0].Found, "belongs to another environment: training")
	_, err := whole.In("production")
	require.ErrorContains(t, err, `no environment "production" in the schema: it has training, serving`)
	_, err = schema(t, "columns: [{name: a, type: integer}]").In("training")
	require.ErrorIs(t, err, dataset.ErrSchema)
	require.Equal(t, schema(t, environments), whole, "In leaves the schema as it was")
}

func inEnvironment(t *testing.T, s *dataset.Schema, environment string) *dataset.Schema {
	t.Helper()
	out, err := s.In(environment)
	require.NoError(t, err)
	return out
}

func TestEnvironmentsRefuse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"environments: [a, a]\ncolumns: [{name: x, type: integer}]":                                           `"a" is empty or stands twice`,
		"environments: [a]\ncolumns:\n  - {name: x, type: integer, environments: [b]}":                        `line 3: environments: "b" is not among those of the schema: a`,
		"columns:\n  - {name: x, type: integer, checks: [{min: 1, environments: [b]}]}":                       `line 2: environments: "b"`,
		"columns: [{name: x, type: integer}]\nchecks:\n  - {rule: x > 1, environments: [b]}":                  `line 3: environments: "b"`,
		"columns: [{name: x, type: integer}]\nchecks:\n  - {references: {columns: [x], data: \"\"}}":          "references: columns and data are needed",
		"columns: [{name: x, type: integer}]\nchecks:\n  - {references: {columns: [x], data: d, to: [a, b]}}": "references: to names 2 columns for 1",
	} {
		_, err := dataset.ParseSchema("s.yaml", []byte(text))
		require.ErrorContains(t, err, want)
	}
}
