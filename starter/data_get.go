package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataGetCommand(a *app, o *DataOptions) *cobra.Command {
	var get DataGetOptions
	cmd := &cobra.Command{
		Use:   "get REF --to DIR",
		Short: "Write a data version, or a part of it, to a folder",
		Long: `Writes the files of a data version below DIR. Files that are there are replaced,
what else is in DIR is left alone, and nothing is written outside of it. Every
byte is checked before a file gets its name. With columns or masking, tables are
read and written again: the rows are the same, the bytes of the file may differ.`,
		Example: `  slipway data get credit@1 --to ./data
  slipway data get golden --path train --path test/2026.csv --to ./data
  slipway data get credit --path train.parquet --columns age,amount --to ./data
  slipway data get credit --schema schema.yaml --mask-key mask.key --to ./shared`,
		Args: takes("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDataGet(cmd.Context(), o, args[0], get)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&get.Paths, "path", nil, "only this file or folder of the version; may be repeated")
	f.StringSliceVar(&get.Columns, "columns", nil, "only these columns, in this order; every picked file must be CSV or Parquet")
	f.StringVar(&get.To, "to", "", "folder to write to")
	f.StringVar(&get.Schema, "schema", "", "schema that says which columns are personal and how they are masked; with --mask-key")
	f.StringVar(&get.MaskKey, "mask-key", "", "file with at least 32 random bytes: mask personal columns; every picked file must be CSV or Parquet")
	return cmd
}

// DataGetOptions are the flags of data get.
type DataGetOptions struct {
	Paths, Columns      []string
	To, Schema, MaskKey string
}

// selection is what to get.
func (g DataGetOptions) selection() (dataversion.Selection, error) {
	what := dataversion.Selection{Paths: g.Paths, Columns: g.Columns}
	switch {
	case g.To == "":
		return what, usagef("--to is missing: name the folder to write to")
	case (g.Schema == "") != (g.MaskKey == ""):
		return what, usagef("--schema and --mask-key go together: one says what is personal, the other holds the key")
	case g.Schema == "":
		return what, nil
	}
	schema, err := readSchema(g.Schema)
	if err != nil {
		return what, err
	}
	what.Mask, err = readMasker(g.MaskKey, schema)
	return what, err
}

func (a *app) runDataGet(ctx context.Context, o *DataOptions, ref string, g DataGetOptions) error {
	what, err := g.selection()
	if err != nil {
		return err
	}
	return o.withVersion(ctx, a, ref, func(l *dataversion.Library, d catalog.DataVersion) error {
		draw, done := a.progress("get", "file")
		var last artifacts.Progress
		err := l.Get(ctx, d, what, g.To, func(p artifacts.Progress) {
			last = p
			if draw != nil {
				draw(p)
			}
		})
		done()
		if err != nil {
			return dataError(err)
		}
		if a.json() {
			return a.printJSON(struct {
				Data   string `json:"data"`
				Digest string `json:"digest"`
				To     string `json:"to"`
				Files  int64  `json:"files"`
			}{d.Label(), d.Digest, g.To, last.Files})
		}
		fmt.Fprintf(a.stdout, "%s of %s are in %s\n", count64(last.Files, "file"), clean(d.Label()), clean(g.To))
		return nil
	})
}
