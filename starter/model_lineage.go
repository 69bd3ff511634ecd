package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func modelLineageCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "lineage NAME@VERSION",
		Short: "Follow a version back to the rows it was trained on: run, release, data, files",
		Long: `Follows a version back: the run and the release that made it, the data versions
they used and the files of these. The version is what a prediction's answer names.`,
		Example: `  slipway model lineage credit-risk@1.1.0
  slipway model lineage credit-risk@production -o json`,
		Args: takes("NAME@VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runModelLineage(cmd.Context(), args[0]) },
	}
}

func (a *app) runModelLineage(ctx context.Context, arg string) error {
	ref, err := parseModel(arg)
	if err != nil {
		return err
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	l, err := c.Lineage(ctx, ref.name, ref.version)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(l)
	}
	rows := [][]string{{"model", l.Model.Name + "@" + l.Model.Version, first(short(l.Model.Digest), l.Model.Source), l.Model.Stage + ", by " + l.Model.RegisteredBy}}
	if l.Run != nil {
		rows = append(rows, []string{"run", l.Run.ID, l.Run.Experiment, l.Run.Status})
		for _, d := range l.Run.Datasets {
			rows = append(rows, []string{"data set", d.Name, d.Digest, d.Context})
		}
	}
	if l.Release != nil {
		rows = append(rows, []string{"release", l.Release.Workflow, l.Release.Run, l.Release.Outcome + ", by " + l.Release.RequestedBy})
	}
	for _, d := range l.Data {
		state := fmt.Sprintf("%d files, %s, through the %s", d.FileCount, size(d.Bytes), d.Through)
		if d.Deleted {
			state += ", deleted since"
		}
		rows = append(rows, []string{"data", d.Name + "@" + strconv.FormatInt(d.Version, 10), short(d.Digest), state})
		for _, f := range d.Files {
			rows = append(rows, []string{"file", f.Path, short(f.Digest), first(f.Role+" ", "") + size(f.Size)})
		}
		if more := d.FileCount - int64(len(d.Files)); more > 0 && len(d.Files) > 0 {
			rows = append(rows, []string{"", fmt.Sprintf("… %d more: slipway data show %s@%d", more, d.Name, d.Version), "", ""})
		}
	}
	a.table([]string{"KIND", "WHAT", "DIGEST", "STATE"}, rows)
	return nil
}
