package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataListCommand(a *app, o *DataOptions) *cobra.Command {
	var f catalog.DataFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List data versions, newest first",
		Example: `  slipway data list
  slipway data list --name credit-risk -o json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDataList(cmd.Context(), o, f) },
	}
	cmd.Flags().StringVar(&f.Name, "name", "", "only versions of this data")
	cmd.Flags().BoolVar(&f.Deleted, "deleted", false, "deleted versions too; needs the catalog")
	return cmd
}

func (a *app) runDataList(ctx context.Context, o *DataOptions, f catalog.DataFilter) error {
	found, err := a.listData(ctx, o, f)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(found)
	}
	rows := make([][]string, len(found))
	for i, d := range found {
		rows[i] = []string{dataLabel(d), short(d.Digest), count64(d.FileCount, "file"), size(d.Bytes), strings.Join(d.Tags, " "), d.Actor, when(d.CreatedAt), dataState(d)}
	}
	a.table([]string{"DATA", "DIGEST", "FILES", "SIZE", "TAGS", "BY", "SAVED", "STATE"}, rows)
	return nil
}

func (a *app) listData(ctx context.Context, o *DataOptions, f catalog.DataFilter) ([]controlclient.Data, error) {
	direct, err := o.direct(a)
	if err != nil {
		return nil, err
	}
	if !direct {
		c, err := a.control()
		if err != nil {
			return nil, err
		}
		if f.Deleted {
			return nil, usagef("--deleted needs the catalog, and the control API was asked: name catalog and store")
		}
		return c.DataVersions(ctx, f.Name)
	}
	var out []controlclient.Data
	err = o.with(ctx, a, func(l *dataversion.Library) error {
		found, err := l.Catalog().ListData(ctx, f)
		out = make([]controlclient.Data, len(found))
		for i, d := range found {
			out[i] = dataOf(d)
		}
		return err
	})
	return out, err
}

// dataOf is a data version as the control API gives it.
func dataOf(d catalog.DataVersion) controlclient.Data {
	out := controlclient.Data{
		Name: d.Name, Version: d.Version, Digest: d.Digest, Description: d.Description, Actor: d.Actor, Bytes: d.Bytes,
		Tree: d.Tree, FileCount: d.FileCount, Tags: d.Tags, CreatedAt: d.CreatedAt, Hold: d.Hold,
		DeletedAt: d.DeletedAt, KeepUntil: d.KeepUntil, CollectedAt: d.CollectedAt,
	}
	for _, f := range d.Files {
		out.Files = append(out.Files, controlclient.DataFile(f))
	}
	return out
}

func dataLabel(d controlclient.Data) string { return d.Name + "@" + strconv.FormatInt(d.Version, 10) }

// dataState says what is unusual about a version.
func dataState(d controlclient.Data) string {
	var words []string
	switch {
	case !d.CollectedAt.IsZero():
		words = append(words, "gone since "+when(d.CollectedAt))
	case !d.DeletedAt.IsZero():
		words = append(words, "deleted, kept until "+when(d.KeepUntil))
	}
	if d.Hold != "" {
		words = append(words, "held: "+d.Hold)
	}
	return strings.Join(words, "; ")
}

func dataShowCommand(a *app, o *DataOptions) *cobra.Command {
	var files int
	cmd := &cobra.Command{
		Use:   "show REF",
		Short: "Show a data version: files and what used it",
		Long:  "REF is a digest (sha256:…) or 8 and more of its digits, a tag, NAME@VERSION, or NAME for the latest version.",
		Example: `  slipway data show credit-risk
  slipway data show credit-risk@1 --files -1 -o json`,
		Args: takes("REF"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDataShow(cmd.Context(), o, args[0], files) },
	}
	cmd.Flags().IntVar(&files, "files", 50, "list this many files; -1 lists all; not by way of a control API")
	return cmd
}

func (a *app) runDataShow(ctx context.Context, o *DataOptions, ref string, files int) error {
	d, err := a.readData(ctx, o, ref, files)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(d)
	}
	pairs(a.stdout, "data", dataLabel(d), "digest", d.Digest, "size", size(d.Bytes)+" in "+count64(d.FileCount, "file"), "tags", strings.Join(d.Tags, " "),
		"description", d.Description, "saved", when(d.CreatedAt)+" by "+d.Actor, "state", dataState(d))
	fmt.Fprintln(a.stdout)
	rows := make([][]string, len(d.Files))
	for i, f := range d.Files {
		rows[i] = []string{f.Role, f.Path, size(f.Size), f.Digest}
	}
	a.table([]string{"ROLE", "FILE", "SIZE", "DIGEST"}, rows)
	if more := d.FileCount - int64(len(d.Files)); more > 0 {
		fmt.Fprintf(a.stdout, "… and %s more\n", count64(more, "file"))
	}
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

func (a *app) readData(ctx context.Context, o *DataOptions, ref string, files int) (controlclient.Data, error) {
	direct, err := o.direct(a)
	if err != nil {
		return controlclient.Data{}, err
	}
	if !direct {
		c, err := a.control()
		if err != nil {
			return controlclient.Data{}, err
		}
		return c.Data(ctx, ref)
	}
	var out controlclient.Data
	err = o.withVersion(ctx, a, ref, func(l *dataversion.Library, d catalog.DataVersion) error {
		out = dataOf(d)
		uses, err := l.Catalog().DataUses(ctx, d.Digest)
		for _, u := range uses {
			out.Uses = append(out.Uses, controlclient.DataUse(u))
		}
		if err != nil || !d.Tree || !d.CollectedAt.IsZero() {
			return err
		}
		for e, err := range l.Entries(ctx, d) {
			if err != nil {
				return err
			}
			if files >= 0 && len(out.Files) >= files {
				break
			}
			out.Files = append(out.Files, controlclient.DataFile{Path: e.Path, Digest: string(e.Digest), Size: e.Size})
		}
		return nil
	})
	return out, err
}

func dataLineageCommand(a *app, o *DataOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "lineage REF",
		Short: "Show the releases and models that used a data version",
		Example: `  slipway data lineage credit-risk@1
  slipway data lineage golden -o json`,
		Args: takes("REF"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDataLineage(cmd.Context(), o, args[0]) },
	}
}

func (a *app) runDataLineage(ctx context.Context, o *DataOptions, ref string) error {
	return o.withVersion(ctx, a, ref, func(l *dataversion.Library, d catalog.DataVersion) error {
		uses, err := l.Lineage(ctx, d)
		if err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(struct {
				Data   string            `json:"data"`
				Digest string            `json:"digest"`
				Uses   []dataversion.Use `json:"uses"`
			}{d.Label(), d.Digest, uses})
		}
		rows := make([][]string, len(uses))
		for i, u := range uses {
			rows[i] = []string{when(u.At), u.Model, u.Stage, u.Release, u.Outcome}
		}
		a.table([]string{"USED AT", "MODEL", "STAGE", "RELEASE", "OUTCOME"}, rows)
		return nil
	})
}
