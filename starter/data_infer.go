package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/dataset"
)

func dataInferCommand(a *app, o *DataOptions) *cobra.Command {
	var paths []string
	cmd := &cobra.Command{
		Use:   "infer-schema DATA",
		Short: "Write a schema that fits a table, to be read and edited",
		Long: `Proposes a schema: other samples of the same source pass it, data with other
columns, types, ranges or words does not. Read it before you rely on it. DATA is a
local file or folder if there is one of that name, otherwise a data version.`,
		Example: `  slipway data infer-schema train.csv > schema.yaml
  slipway data infer-schema credit@1 --path train.parquet > schema.yaml`,
		Args: takes("DATA"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDataInfer(cmd.Context(), o, args[0], paths)
		},
	}
	cmd.Flags().StringArrayVar(&paths, "path", nil, "this file of several")
	return cmd
}

func (a *app) runDataInfer(ctx context.Context, o *DataOptions, data string, paths []string) error {
	return o.withTables(ctx, a, data, paths, func(tables []table) error {
		t, err := oneTable(tables)
		if err != nil {
			return err
		}
		var schema *dataset.Schema
		err = t.read(func(src dataset.Source) error {
			schema, err = dataset.Infer(ctx, src)
			return err
		})
		if err != nil {
			return err
		}
		b, err := schema.YAML()
		if err != nil {
			return err
		}
		if !a.json() {
			_, err = a.stdout.Write(b)
			return err
		}
		var document any
		if err := yaml.Unmarshal(b, &document); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
		return a.printJSON(document)
	})
}
