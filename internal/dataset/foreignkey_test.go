package dataset_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// others opens CSV tables by the data that they are of.
func others(t *testing.T, tables map[string]string) func(context.Context, string, string) (dataset.OtherTable, error) {
	t.Helper()
	return func(_ context.Context, data, path string) (dataset.OtherTable, error) {
		csv, known := tables[data]
		if !known {
			return dataset.OtherTable{}, errors.New("no such data")
		}
		return dataset.OtherTable{Source: open(t, csv, "other.csv", dataset.SourceOptions{BatchRows: 2}), Label: data + "@3" + path}, nil
	}
}

// TestForeignKeys says what it looked for where, and which rows point to nothing.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	s := schema(t, `
columns:
  - {name: customer, type: integer, nullable: true}
  - {name: country, type: string, nullable: true, null_values: [NA]}
checks:
  - {references: {columns: [customer], data: customers, path: /c.csv, to: [id]}, reason: orders have customers}
  - {references: {columns: [country, customer], data: customers, to: [country, id]}, mostly: 0.5}
`)
	tables := others(t, map[string]string{"customers": "country,name,id\nde,a,1\nfr,b,2\nNA,c,3\nit,d,none\n"})
	report := check(t, "customer,country\n1,de\n2,de\n3,NA\n4,fr\n,de\n2,fr\nx,de\n", s, dataset.CheckOptions{Tables: tables})
	f := failure(t, report, "references")
	require.Equal(t, "customer among id of customers@3/c.csv", f.Expectation)
	require.Equal(t, `1 of 7 rows otherwise, first "customer=4" on line 5`, f.Found)
	require.Equal(t, "orders have customers", f.Reason)
	require.Empty(t, f.Method, "exact")
	for _, o := range report.Checks {
		if strings.Contains(o.Expectation, "together") {
			require.True(t, o.Passed, "half of the rows with both values: %s", o.Found)
			require.Equal(t, "country, customer together among country, id of customers@3 in at least 50 %", o.Expectation)
		}
	}
	_, err := dataset.Check(t.Context(), open(t, "customer,country\n1,de\n", "t.csv", dataset.SourceOptions{}), s, dataset.CheckOptions{})
	require.ErrorContains(t, err, "foreign keys, and no other data can be read here")
	_, err = dataset.Check(t.Context(), open(t, "customer,country\n1,de\n", "t.csv", dataset.SourceOptions{}), s, dataset.CheckOptions{Tables: others(t, nil)})
	require.ErrorContains(t, err, "foreign key on customer: data customers: no such data")
	_, err = dataset.Check(t.Context(), open(t, "customer,country\n1,de\n", "t.csv", dataset.SourceOptions{}), s, dataset.CheckOptions{Tables: others(t, map[string]string{"customers": "a\n1\n"})})
	require.ErrorContains(t, err, "it has no column id")
}

func failure(t *testing.T, r dataset.Report, key string) dataset.Failure {
	t.Helper()
	for _, f := range r.Failures {
		if f.Check == key {
			return f
		}
	}
	require.Fail(t, "no failure", "%s in %v", key, r.Failures)
	return dataset.Failure{}
}
