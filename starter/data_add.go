package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataAddCommand(a *app, o *DataOptions) *cobra.Command {
	var v dataversion.NewVersion
	cmd := &cobra.Command{
		Use:   "add PATH --name NAME",
		Short: "Keep a file or folder as a data version",
		Long: `Keeps a file or a folder, links and devices excepted, as a version that never
changes. Content that is kept already, under whatever name, comes back as the
version that it is. What is stored already is not stored again, and what did not
change since it was last added is not read again. Stopped at any moment, adding
again goes on where it was.`,
		Example: `  slipway data add train.parquet --name credit --description "loans of 2026"
  slipway data add ./images --name faces -o json`,
		Args: takes("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDataAdd(cmd.Context(), o, args[0], v) },
	}
	cmd.Flags().StringVar(&v.Name, "name", "", "name of the data; versions count from 1 for each")
	cmd.Flags().StringVar(&v.Description, "description", "", "what the data is, for people")
	return cmd
}

func (a *app) runDataAdd(ctx context.Context, o *DataOptions, path string, v dataversion.NewVersion) (err error) {
	if v.Name == "" {
		return usagef("--name is missing: name the data")
	}
	m, err := a.mark("")
	if err != nil {
		return err
	}
	l, err := o.openNew(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	makeRoom(a.getenv) // not before, for the repository has as many workers as there are processors
	tell, done := a.progress("add", "file")
	added, err := l.Add(ctx, path, v, m, tell)
	done()
	if err != nil {
		return dataError(err)
	}
	if a.json() {
		return a.printJSON(added)
	}
	d := added.Version
	if added.Existed {
		fmt.Fprintf(a.stdout, "%s has this content already: %s\n", clean(d.Label()), d.Digest)
		return nil
	}
	fmt.Fprintf(a.stdout, "added %s: %s, %s, of which %s are newly stored\n%s\n", clean(d.Label()),
		count64(d.FileCount, "file"), size(d.Bytes), size(added.Stored), d.Digest)
	return nil
}

func count64(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}
