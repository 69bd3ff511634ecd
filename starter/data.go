package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func dataCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "data", Short: "Show data versions", Example: "  slipway data list", Args: cobra.ArbitraryArgs, RunE: group}
	var name string
	list := &cobra.Command{
		Use:   "list",
		Short: "List data versions, newest first",
		Example: `  slipway data list
  slipway data list --name credit-risk -o json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDataList(cmd.Context(), name) },
	}
	list.Flags().StringVar(&name, "name", "", "only versions of this data")
	show := &cobra.Command{
		Use:   "show REF",
		Short: "Show a data version: files and what used it",
		Long:  "REF is a digest (sha256:…), NAME@VERSION, or NAME for the latest version.",
		Example: `  slipway data show credit-risk
  slipway data show credit-risk@1`,
		Args: takes("REF"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDataShow(cmd.Context(), args[0]) },
	}
	cmd.AddCommand(list, show)
	return cmd
}

func (a *app) runDataList(ctx context.Context, name string) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	found, err := c.DataVersions(ctx, name)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(found)
	}
	rows := make([][]string, len(found))
	for i, d := range found {
		rows[i] = []string{d.Name + "@" + strconv.FormatInt(d.Version, 10), short(d.Digest), size(d.Bytes), d.Actor, when(d.CreatedAt)}
	}
	a.table([]string{"DATA", "DIGEST", "SIZE", "BY", "SAVED"}, rows)
	return nil
}

func (a *app) runDataShow(ctx context.Context, ref string) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	d, err := c.Data(ctx, ref)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(d)
	}
	pairs(a.stdout, "data", d.Name+"@"+strconv.FormatInt(d.Version, 10), "digest", d.Digest, "size", size(d.Bytes),
		"description", d.Description, "saved", when(d.CreatedAt)+" by "+d.Actor)
	fmt.Fprintln(a.stdout)
	rows := make([][]string, len(d.Files))
	for i, f := range d.Files {
		rows[i] = []string{f.Role, f.Path, size(f.Size), f.Digest}
	}
	a.table([]string{"ROLE", "FILE", "SIZE", "DIGEST"}, rows)
	if len(d.Uses) > 0 {
		fmt.Fprintln(a.stdout)
		rows = nil
		for _, u := range d.Uses {
			rows = append(rows, []string{when(u.At), u.ModelID, u.Release})
		}
		a.table([]string{"USED AT", "MODEL", "RELEASE"}, rows)
	}
	return nil
}
