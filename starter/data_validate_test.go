package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

const creditRisk = "../examples/credit-risk/"

func TestDataValidate(t *testing.T) {
	l := newLibrary(t)
	schema, train := creditRisk+"schema.yaml", creditRisk+"data/train.csv"
	require.Regexp(t, `train.csv: valid: \d+ rows, (\d+) of (\d+) expectations met`, l.ok("validate", train, "--schema", schema), "needs no catalog")
	require.NoFileExists(t, filepath.Join(l.state, "slipway.db"))

	b, err := os.ReadFile(train)
	require.NoError(t, err)
	rows := strings.Split(string(b), "\n")
	broken := l.write("broken", map[string]string{
		"train.csv":  strings.Join(append([]string{rows[0]}, strings.ReplaceAll(rows[1], ",own,", ",castle,")+"\n"+strings.Join(rows[2:], "\n")), "\n"),
		"readme.txt": "no table",
	})
	bad := strings.Replace(string(b), ",own,", ",castle,", 3)
	l.write("broken", map[string]string{"train.csv": bad})
	page, junit := filepath.Join(l.dir, "r.html"), filepath.Join(l.dir, "r.xml")
	out, errs, code := l.run("validate", broken, "--schema", schema, "--page", page, "--junit", junit)
	require.Equal(t, codeStopped, code, out+errs)
	require.Contains(t, out, "train.csv: not valid")
	require.Contains(t, out, "housing")
	require.Contains(t, out, "castle")
	for file, says := range map[string]string{page: "housing", junit: "<testsuite"} {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(b), says)
	}
	var reports dataset.Reports
	out, _, code = l.run("validate", broken, "--schema", schema, "-o", "json")
	require.Equal(t, codeStopped, code)
	require.NoError(t, json.Unmarshal([]byte(out), &reports))
	require.False(t, reports.Passed())
	require.Equal(t, 3, reports[0].Failures[0].Rows)

	// The same of data versions.
	l.ok("add", broken, "--name", "broken")
	l.ok("add", creditRisk+"data", "--name", "credit")
	l.fails(codeStopped, "castle", "validate", "broken", "--schema", schema)
	require.Contains(t, l.ok("validate", "credit@1", "--schema", schema, "--path", "train.csv", "--path", "test.csv"), "test.csv: valid")
	l.fails(codeError, `"nothing.csv"`, "validate", "broken", "--schema", schema, "--path", "readme.txt", "--path", "nothing.csv")

	l.fails(codeUsage, "--schema is missing", "validate", train)
	l.fails(codeError, "no such file", "validate", train, "--schema", "nothing.yaml")
	l.fails(codeError, "no data", "validate", "nothing", "--schema", schema)
	l.fails(codeError, "no table", "validate", filepath.Join(l.dir, "s"), "--schema", filepath.Join(l.write("s", map[string]string{"s.yaml": "columns: [{name: a, type: string}]\n"}), "s.yaml"))
	l.fails(codeError, "line 3", "validate", filepath.Join(l.write("ragged", map[string]string{"r.csv": "a\n1\n2,3\n"}), "r.csv"), "--schema", filepath.Join(l.dir, "s/s.yaml"))
}

// TestDataValidateTogether holds a table in three files against a schema as one.
func TestDataValidateTogether(t *testing.T) {
	l := newLibrary(t)
	folder := l.write("parts", map[string]string{"1.csv": "id\n1\n2\n", "2.csv": "id\n3\n1\n", "3.csv": "id\n4\n2\n"})
	schema := filepath.Join(l.write("s", map[string]string{"s.yaml": "rows: {min: 6}\ncolumns: [{name: id, type: integer, unique: true}]\n"}), "s.yaml")
	l.fails(codeStopped, "2 rows", "validate", folder, "--schema", schema)
	l.fails(codeStopped, `2 of 6 rows otherwise, first "1" on line 3`, "validate", folder, "--schema", schema, "--together")
	l.ok("add", folder, "--name", "parts")
	l.fails(codeStopped, `2 of 6 rows otherwise, first "1"`, "validate", "parts", "--schema", schema, "--together")
}

func TestDataReference(t *testing.T) {
	l := newLibrary(t)
	l.ok("add", creditRisk+"data/train.csv", "--name", "train")
	profile := filepath.Join(l.dir, "train.json")
	require.NoError(t, os.WriteFile(profile, []byte(l.ok("profile", "train", "-o", "json")), 0o600))
	b, err := os.ReadFile(creditRisk + "schema.yaml")
	require.NoError(t, err)
	schema := filepath.Join(l.write("s", map[string]string{
		"schema.yaml": strings.Replace(string(b), "{name: duration, type: integer,", "{name: duration, type: integer, psi: 0.1,", 1),
	}), "schema.yaml")
	for _, reference := range []string{"train", "train@1", profile, creditRisk + "data/train.csv"} {
		require.Contains(t, l.ok("validate", creditRisk+"data/test.csv", "--schema", schema, "--reference", reference), "valid", reference)
	}
	rows := strings.Split(strings.TrimSpace(string(must(os.ReadFile(creditRisk+"data/test.csv")))), "\n")
	at := index(strings.Split(rows[0], ","), "duration")
	for i, row := range rows[1:] {
		cells := strings.Split(row, ",")
		cells[at] = "60"
		rows[i+1] = strings.Join(cells, ",")
	}
	moved := filepath.Join(l.write("moved", map[string]string{"m.csv": strings.Join(rows, "\n") + "\n"}), "m.csv")
	l.fails(codeStopped, "duration", "validate", moved, "--schema", schema, "--reference", profile)
	l.fails(codeError, "not a profile", "validate", moved, "--schema", schema, "--reference", filepath.Join(l.write("x", map[string]string{"x.json": "{"}), "x.json"))
}

func TestDataInferAndProfile(t *testing.T) {
	l := newLibrary(t)
	schema := filepath.Join(l.dir, "schema.yaml")
	require.NoError(t, os.WriteFile(schema, []byte(l.ok("infer-schema", creditRisk+"data/train.csv")), 0o600))
	require.Contains(t, l.ok("validate", creditRisk+"data/test.csv", "--schema", schema), "valid", "another sample passes")
	broken := filepath.Join(l.write("b", map[string]string{"b.csv": strings.ReplaceAll(string(must(os.ReadFile(creditRisk+"data/test.csv"))), ",own,", ",castle,")}), "b.csv")
	l.fails(codeStopped, "castle", "validate", broken, "--schema", schema)
	var document struct{ Columns []map[string]any }
	l.read(&document, "infer-schema", creditRisk+"data/train.csv")
	require.NotEmpty(t, document.Columns)

	page := filepath.Join(l.dir, "p.html")
	out := l.ok("profile", creditRisk+"data/train.csv", "--page", page)
	require.Regexp(t, `credit_amount +number`, out)
	require.FileExists(t, page)
	out = l.ok("profile", creditRisk+"data/train.csv", "--schema", creditRisk+"schema.yaml")
	require.Regexp(t, `(?m)^sex .*personal$`, out)

	l.fails(codeUsage, "pick one with --path", "profile", creditRisk+"data")
	l.fails(codeUsage, "pick one with --path", "infer-schema", creditRisk+"data")
	l.ok("profile", creditRisk+"data", "--path", "test.csv")
	l.fails(codeUsage, "is a file", "profile", creditRisk+"data/test.csv", "--path", "x")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func index(list []string, s string) int {
	for i, v := range list {
		if v == s {
			return i
		}
	}
	return -1
}

// A schema's foreign keys point to files beside it and to data versions; its environments are picked by a flag.
func TestDataValidateForeignKeysAndEnvironments(t *testing.T) {
	l := newLibrary(t)
	dir := l.write("shop", map[string]string{
		"schema.yaml": "environments: [training, serving]\ncolumns:\n  - {name: customer, type: integer}\n  - {name: paid, type: boolean, environments: [training]}\n" +
			"checks: [{references: {columns: [customer], data: customers, path: c.csv, to: [id]}}]\n",
		"orders.csv":      "customer,paid\n1,true\n2,false\n",
		"new.csv":         "customer\n2\n",
		"customers/c.csv": "id,name\n1,a\n2,b\n",
		"customers/d.csv": "id\n9\n",
	})
	schema, orders := filepath.Join(dir, "schema.yaml"), filepath.Join(dir, "orders.csv")
	require.Contains(t, l.ok("validate", orders, "--schema", schema, "--environment", "training"), "orders.csv: valid", "needs no catalog")
	l.fails(codeStopped, "belongs to another environment", "validate", orders, "--schema", schema, "--environment", "serving")
	require.Contains(t, l.ok("validate", filepath.Join(dir, "new.csv"), "--schema", schema, "--environment", "serving"), "new.csv: valid")
	l.fails(codeStopped, "no such column", "validate", filepath.Join(dir, "new.csv"), "--schema", schema)
	l.fails(codeUsage, "it has training, serving", "validate", orders, "--schema", schema, "--environment", "production")

	l.ok("add", filepath.Join(dir, "customers"), "--name", "customers")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "customers")))
	require.Contains(t, l.ok("validate", orders, "--schema", schema), "orders.csv: valid")
	l.write("less", map[string]string{"c.csv": "id\n1\n"})
	l.ok("add", filepath.Join(l.dir, "less"), "--name", "customers")
	l.fails(codeStopped, "customer among id of customers@2, c.csv", "validate", orders, "--schema", schema)
	l.ok("add", orders, "--name", "orders")
	l.fails(codeStopped, "customers@2", "validate", "orders", "--schema", schema)
	require.NoError(t, os.WriteFile(schema, []byte("extra: allow\ncolumns: [{name: customer, type: integer}]\nchecks: [{references: {columns: [customer], data: nobody}}]\n"), 0o600))
	l.fails(codeError, "foreign key on customer: data nobody", "validate", orders, "--schema", schema)
}
