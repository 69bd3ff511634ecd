package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// DataValidateOptions are the flags of data validate.
type DataValidateOptions struct {
	Schema      string
	Environment string
	Paths       []string
	Together    bool
	Reference   string
	MaskKey     string
	Page        string
	JUnit       string
}

func dataValidateCommand(a *app, o *DataOptions) *cobra.Command {
	var v DataValidateOptions
	cmd := &cobra.Command{
		Use:   "validate DATA --schema FILE",
		Short: "Check data against a schema",
		Long: `Checks tables (CSV, Parquet, NPY, NPZ, JSON lines) against a schema in one pass.
DATA is a local file or folder if there is one of that name, otherwise a data
version. Each failure names the column, what was wanted and found, how many rows
fail and some of them; values of personal columns are not shown. The exit code is
3 when the data is not valid; warnings do not count.`,
		Example: `  slipway data validate train.csv --schema schema.yaml
  slipway data validate credit@2 --schema schema.yaml --path train.parquet --reference credit@1 --page report.html
  slipway data validate ./data --schema schema.yaml --junit report.xml -o json
  slipway data validate ./parts --together --schema schema.yaml`,
		Args: takes("DATA"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDataValidate(cmd.Context(), o, args[0], v)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.Schema, "schema", "", "schema, as 'slipway data infer-schema' writes it")
	f.StringVar(&v.Environment, "environment", "", "environment of the schema that the data belongs to, such as serving; all parts of the schema apply unless given")
	f.StringArrayVar(&v.Paths, "path", nil, "only this file; may be repeated")
	f.BoolVar(&v.Together, "together", false, "the files are the parts of one table, in the order given or of their names")
	f.StringVar(&v.Reference, "reference", "", "what distributions are compared with: data, or a profile as 'slipway data profile -o json' writes it (.json)")
	f.StringVar(&v.MaskKey, "mask-key", "", "file with at least 32 random bytes: show tokens made with it in place of personal values")
	f.StringVar(&v.Page, "page", "", "write the report as an HTML page to this file")
	f.StringVar(&v.JUnit, "junit", "", "write the report as JUnit XML to this file")
	return cmd
}

func (a *app) runDataValidate(ctx context.Context, o *DataOptions, data string, v DataValidateOptions) error {
	if v.Schema == "" {
		return usagef("--schema is missing: name the schema; 'slipway data infer-schema' makes one")
	}
	schema, err := readSchema(v.Schema)
	if err != nil {
		return err
	}
	if schema, err = schema.In(v.Environment); err != nil {
		return usagef("--environment: %s", err)
	}
	options := dataset.CheckOptions{Tables: o.otherTables(a, v.Schema)}
	if options.Mask, err = readMasker(v.MaskKey, schema); err != nil {
		return err
	}
	if options.Reference, err = a.reference(ctx, o, v.Reference, schema); err != nil {
		return err
	}
	var reports dataset.Reports
	err = o.withTables(ctx, a, data, v.Paths, func(tables []table) error {
		if v.Together {
			report, err := a.checkTogether(ctx, data, tables, schema, options)
			reports = append(reports, report)
			return err
		}
		for _, t := range tables {
			report, err := a.checkTable(ctx, t, schema, options)
			reports = append(reports, report)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := writeOutputs(reports, v); err != nil {
		return err
	}
	return a.tellReports(reports)
}

func (a *app) checkTable(ctx context.Context, t table, schema *dataset.Schema, options dataset.CheckOptions) (report dataset.Report, err error) {
	var done func()
	options.Progress, done = a.rows("validate " + t.name)
	defer done()
	err = t.read(func(src dataset.Source) (err error) {
		report, err = dataset.Check(ctx, src, schema, options)
		return err
	})
	report.Table = t.name
	return report, err
}

// checkTogether checks tables as the parts of one.
func (a *app) checkTogether(ctx context.Context, data string, tables []table, schema *dataset.Schema, options dataset.CheckOptions) (dataset.Report, error) {
	var done func()
	options.Progress, done = a.rows("validate " + data)
	defer done()
	parts := make([]dataset.Part, len(tables))
	for i, t := range tables {
		parts[i] = dataset.Part{Open: t.open, First: -1}
	}
	report, err := dataset.CheckParts(ctx, data, parts, schema, options)
	return report, dataError(err)
}

// reference reads the profile of a .json file, or makes that of data; nil without one.
func (a *app) reference(ctx context.Context, o *DataOptions, reference string, schema *dataset.Schema) (p *dataset.Profile, err error) {
	if reference == "" {
		return nil, nil
	}
	if filepath.Ext(reference) == ".json" {
		b, err := os.ReadFile(reference)
		if err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
		return dataset.ParseProfile(reference, b)
	}
	err = o.withTables(ctx, a, reference, nil, func(tables []table) error {
		t, err := oneTable(tables)
		if err != nil {
			return fmt.Errorf("reference %s: %w", clean(reference), err)
		}
		p, err = a.profileOf(ctx, t, schema)
		return err
	})
	return p, err
}

// writeOutputs writes the report as the files that were asked for.
func writeOutputs(reports dataset.Reports, v DataValidateOptions) error {
	for _, out := range []struct {
		file string
		make func() ([]byte, error)
	}{{v.Page, reports.HTML}, {v.JUnit, reports.JUnit}} {
		if out.file == "" {
			continue
		}
		b, err := out.make()
		if err != nil {
			return err
		}
		if err := os.WriteFile(out.file, b, 0o644); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

// tellReports prints the verdicts; data that is not valid is the exit code 3.
func (a *app) tellReports(reports dataset.Reports) error {
	if a.json() {
		if err := a.printJSON(reports); err != nil {
			return err
		}
	} else {
		for _, r := range reports {
			a.tellReport(r)
		}
	}
	if !reports.Passed() {
		return exitError{code: codeStopped}
	}
	return nil
}

func (a *app) tellReport(r dataset.Report) {
	verdict := "valid"
	if !r.Passed {
		verdict = "not valid"
	}
	fmt.Fprintf(a.stdout, "%s: %s: %s, %d of %d expectations met\n", clean(r.Table), verdict, count64(int64(r.Rows), "row"), r.Met, r.Checked)
	if len(r.Failures) == 0 {
		return
	}
	rows := make([][]string, len(r.Failures))
	for i, f := range r.Failures {
		rows[i] = []string{string(f.Severity), f.Column, f.Expectation, f.Found, sampleText(f.Sample), f.Reason}
	}
	a.table([]string{"SEVERITY", "COLUMN", "WANTED", "FOUND", "ROWS", "WHY IT MATTERS"}, rows)
	if r.Omitted > 0 {
		fmt.Fprintf(a.stdout, "… and %s more\n", count(r.Omitted, "failure"))
	}
}

// sampleText names the first failing rows; all of them are in the JSON.
func sampleText(samples []dataset.Sample) string {
	const most = 5
	var b strings.Builder
	for i, s := range samples {
		if i == most {
			b.WriteString(" …")
			break
		}
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(strconv.FormatInt(s.Row, 10))
	}
	return b.String()
}
