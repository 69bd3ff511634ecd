package activities_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
)

const (
	orderSchema = `
environments: [training, serving]
columns:
  - {name: customer, type: integer}
  - {name: amount, type: number, checks: [{max: 100}, {max: 50, environments: [serving]}]}
  - {name: paid, type: string, values: [yes, no], environments: [training]}
checks:
  - {references: {columns: [customer], data: customers, path: de.csv, to: [id]}, reason: orders have customers}
`
	// Customers of training and of serving, and one that is in no table of them.
	paidOrders, openOrders, strayOrders = "customer,amount,paid\n1,90,yes\n2,20,no\n", "customer,amount\n1,40\n3,20\n", "customer,amount,paid\n1,90,yes\n7,20,no\n"
)

// asked is a question to a gate of a release and to `slipway data validate` on a worker: what stands in the
// data, in which environment, and what the answer says.
type asked struct {
	table, environment string
	fails              []string // the checks that fail
	found              string   // what the first of them found
}

var askedOfOrders = map[string]asked{
	"training":             {table: paidOrders, environment: "training"},
	"serving":              {table: openOrders, environment: "serving"},
	"training as served":   {table: paidOrders, environment: "serving", fails: []string{"extra_column", "max"}, found: "belongs to another environment: training"},
	"served as training":   {table: openOrders, environment: "training", fails: []string{"missing_column"}},
	"all parts":            {table: paidOrders, fails: []string{"max"}},
	"no customer":          {table: strayOrders, environment: "training", fails: []string{"references"}, found: `1 of 2 rows otherwise, first "customer=7" on line 3`},
	"no customer, serving": {table: "customer,amount\n9,40\n", environment: "serving", fails: []string{"references"}, found: `1 of 1 row otherwise, first "customer=9" on line 2`},
}

// customers keeps the tables that orders point to: the customers 1 to 3, and number 7 in another file.
func (b *bench) customers() catalog.DataVersion {
	b.t.Helper()
	return b.add("customers", map[string][]byte{"de.csv": []byte("name,id\na,1\nb,2\nc,3\n"), "fr.csv": []byte("id\n7\n")})
}

// orders are data of a release whose tables are all the same.
func (b *bench) orders(table string) spec.Data {
	b.t.Helper()
	data := b.release("1.1.0").Data
	data.Schema = b.put("schema.yaml", []byte(orderSchema))
	data.Train = b.file("orders.csv", []byte(table))
	data.Test, data.Reference, data.Sensitive = data.Train, data.Train, nil
	return data
}

// requireVerdict compares a verdict and its stored report with what was to be answered.
func (b *bench) requireVerdict(c asked, verdict contract.Verdict) {
	b.t.Helper()
	var reports []dataset.Report
	require.NoError(b.t, json.Unmarshal(b.stored(verdict.Report.Digest), &reports))
	require.Len(b.t, reports, 1)
	var fails []string
	for _, f := range reports[0].Failures {
		fails = append(fails, f.Check)
	}
	require.ElementsMatch(b.t, c.fails, fails, verdict.Summary)
	require.Equal(b.t, len(c.fails) == 0, verdict.Passed)
	if len(c.fails) > 0 {
		require.Contains(b.t, reports[0].Failures[0].Found, c.found)
		require.Contains(b.t, verdict.Summary, "orders.csv")
	}
	for _, o := range reports[0].Checks {
		if o.Check == "references" {
			require.Equal(b.t, "customer among id of customers@1, de.csv", o.Expectation)
			return
		}
	}
	require.Fail(b.t, "nothing was looked up in the other table")
}

// The gate reads the tables that foreign keys point to from the store, and asks what data.environment expects.
func TestValidateForeignKeysAndEnvironments(t *testing.T) {
	t.Parallel()
	for name, c := range askedOfOrders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.customers()
			data := b.orders(c.table)
			data.Environment = c.environment
			b.requireVerdict(c, twice[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: data}))
		})
	}
}

// A worker answers the same of data versions.
func TestCheckForeignKeysAndEnvironments(t *testing.T) {
	t.Parallel()
	for name, c := range askedOfOrders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.customers()
			schema := b.put("schema.yaml", []byte(orderSchema)).Digest
			ref := b.add("orders", map[string][]byte{"orders.csv": []byte(c.table)}).Digest
			in := contract.CheckDataInput{Ref: ref, Schema: schema, Environment: c.environment}
			b.requireVerdict(c, twice[contract.Verdict](b, contract.ActivityCheckData, in))
		})
	}
}

// What a foreign key can't be looked up in is an error that says what to mend, and no verdict.
func TestValidateRefusesForeignKeysAndEnvironments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environment, schema string
		kind                string
		words               []string
	}{
		"environment":   {"production", orderSchema, contract.ErrInvalidInput, []string{`no environment "production" in the schema: it has training, serving`}},
		"no data":       {"", orderTo("nothing", ""), contract.ErrNotFound, []string{"foreign key on customer", "nothing"}},
		"no file":       {"", orderTo("customers", "it.csv"), contract.ErrDigestMismatch, []string{"foreign key on customer", "it.csv"}},
		"which file":    {"", orderTo("customers", ""), contract.ErrInvalidInput, []string{"foreign key on customer", "customers@1 has 2 tables: name one by its path"}},
		"no column":     {"", orderTo("customers", "fr.csv"), contract.ErrInvalidInput, []string{"foreign key on customer", "customers@1, fr.csv", "no column name"}},
		"no such table": {"", orderTo("notes", ""), contract.ErrInvalidInput, []string{"foreign key on customer", "notes.parquet"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.customers()
			b.add("notes", map[string][]byte{"notes.parquet": []byte("no table at all")})
			data := b.orders(paidOrders)
			data.Schema, data.Environment = b.put("schema.yaml", []byte(c.schema)), c.environment
			_, err := try[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: data})
			final(t, err, c.kind, c.words...)
			ref := b.add("orders", map[string][]byte{"orders.csv": []byte(paidOrders)}).Digest
			_, err = try[contract.Verdict](b, contract.ActivityCheckData, contract.CheckDataInput{Ref: ref, Schema: data.Schema.Digest, Environment: c.environment})
			final(t, err, c.kind, c.words...)
		})
	}
}

// orderTo is a schema whose orders point to names of other data.
func orderTo(data, path string) string {
	return `{columns: [{name: customer, type: string}], checks: [{references: {columns: [customer], data: ` + data + `, path: "` + path + `", to: [name]}}]}`
}
