package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/slipway-ml/slipway/internal/dataset"
)

func dataProfileCommand(a *app, o *DataOptions) *cobra.Command {
	var schemaFile, page string
	var paths []string
	cmd := &cobra.Command{
		Use:   "profile DATA",
		Short: "Describe the columns of a table",
		Long: `Describes a table in one pass: kinds, nulls, different values, statistics. DATA is a
local file or folder if there is one of that name, otherwise a data version. With
-o json the output is a profile that 'slipway data validate --reference' takes.
With a schema the columns mean what it says, and personal values are not shown.`,
		Example: `  slipway data profile train.csv
  slipway data profile credit@1 --path train.parquet --schema schema.yaml -o json > profile.json`,
		Args: takes("DATA"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDataProfile(cmd.Context(), o, args[0], paths, schemaFile, page)
		},
	}
	cmd.Flags().StringVar(&schemaFile, "schema", "", "schema of the table")
	cmd.Flags().StringArrayVar(&paths, "path", nil, "this file of several")
	cmd.Flags().StringVar(&page, "page", "", "write the profile as an HTML page to this file")
	return cmd
}

func (a *app) runDataProfile(ctx context.Context, o *DataOptions, data string, paths []string, schemaFile, page string) error {
	var schema *dataset.Schema
	var err error
	if schemaFile != "" {
		if schema, err = readSchema(schemaFile); err != nil {
			return err
		}
	}
	return o.withTables(ctx, a, data, paths, func(tables []table) error {
		t, err := oneTable(tables)
		if err != nil {
			return err
		}
		p, err := a.profileOf(ctx, t, schema)
		if err != nil {
			return err
		}
		if page != "" {
			b, err := p.HTML()
			if err != nil {
				return err
			}
			if err := os.WriteFile(page, b, 0o644); err != nil {
				return fmt.Errorf("write profile: %w", err)
			}
		}
		return a.tellProfile(p)
	})
}

func (a *app) profileOf(ctx context.Context, t table, schema *dataset.Schema) (p *dataset.Profile, err error) {
	tell, done := a.rows("profile " + t.name)
	defer done()
	err = t.read(func(src dataset.Source) error {
		p, err = dataset.ProfileOf(ctx, src, dataset.ProfileOptions{Schema: schema, Progress: tell})
		return err
	})
	if err == nil {
		p.Table = t.name
	}
	return p, err
}

func (a *app) tellProfile(p *dataset.Profile) error {
	if a.json() {
		b, err := p.JSON()
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(b)
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %s\n", clean(p.Table), count64(p.Rows, "row"))
	rows := make([][]string, len(p.Columns))
	for i, c := range p.Columns {
		row := []string{c.Name, string(c.Kind), strconv.Itoa(c.Nulls), strconv.Itoa(c.Distinct), "", "", "", "", ""}
		switch {
		case c.Personal:
			row[8] = "personal"
		case c.Numbers != nil:
			row[4], row[5], row[6], row[7] = digits(c.Numbers.Min), digits(c.Numbers.Mean), digits(c.Numbers.Max), digits(c.Numbers.Std)
		case len(c.Top) > 0:
			row[8] = fmt.Sprintf("%s (%d)", c.Top[0].Value, c.Top[0].Rows)
		}
		rows[i] = row
	}
	a.table([]string{"COLUMN", "KIND", "NULLS", "DISTINCT", "MIN", "MEAN", "MAX", "STD", "MOST COMMON"}, rows)
	return nil
}

// digits prints a number with as many digits as a person reads.
func digits(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// rows draws a count of rows on a terminal and nothing elsewhere. The caller calls done when the work has ended.
func (a *app) rows(what string) (tell func(int64), done func()) {
	if !a.terminal(a.stderr) {
		return nil, func() {}
	}
	bars := mpb.New(mpb.WithOutput(a.stderr))
	bar := bars.New(0, mpb.SpinnerStyle(), mpb.BarWidth(3), mpb.PrependDecorators(decor.Name(clean(what)+"  "), decor.CurrentNoUnit("%d rows  ")))
	return func(n int64) { bar.SetCurrent(n) }, func() {
		bar.SetTotal(-1, true)
		bars.Wait()
	}
}
