package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// ModelListOptions are the flags of model list.
type ModelListOptions struct {
	Name  string
	Stage string
	Limit int
}

func modelCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "model", Short: "Test models; show, compare and move registered ones", Example: "  slipway model list", Args: cobra.ArbitraryArgs, RunE: group}
	var o ModelListOptions
	list := &cobra.Command{
		Use:   "list",
		Short: "List registered model versions",
		Example: `  slipway model list
  slipway model list --stage production`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runModelList(cmd.Context(), o) },
	}
	list.Flags().StringVar(&o.Name, "name", "", "only versions of this model")
	list.Flags().StringVar(&o.Stage, "stage", "", "only versions in this stage: none, staging, production, archived, rejected")
	list.Flags().IntVar(&o.Limit, "limit", 50, "at most this many, up to 1000")
	show := &cobra.Command{
		Use:   "show NAME@VERSION",
		Short: "Show a model version: stage, metrics, evidence",
		Example: `  slipway model show credit-risk@1.1.0
  slipway model show credit-risk@production`,
		Args: takes("NAME@VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runModelShow(cmd.Context(), args[0]) },
	}
	cmd.AddCommand(
		list, show, modelHistoryCommand(a), modelCompareCommand(a), modelLineageCommand(a), modelGetCommand(a),
		modelPromoteCommand(a), modelRollbackCommand(a), modelStageCommand(a), modelAliasCommand(a), modelUnaliasCommand(a), modelTestCommand(a), modelCardCommand(a),
	)
	return cmd
}

func (a *app) runModelList(ctx context.Context, o ModelListOptions) error {
	if o.Limit < 1 {
		return usagef("--limit %d: want at least 1", o.Limit)
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	found, err := c.Models(ctx, o.Name, o.Stage, o.Limit)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(found)
	}
	rows := make([][]string, len(found))
	for i, m := range found {
		rows[i] = []string{m.Name + "/" + m.Version, strconv.FormatInt(m.Number, 10), m.Stage, short(m.Digest), m.CreatedBy, when(m.CreatedAt)}
	}
	a.table([]string{"MODEL", "NUMBER", "STAGE", "DIGEST", "BY", "REGISTERED"}, rows)
	return nil
}

func (a *app) runModelShow(ctx context.Context, arg string) error {
	ref, err := parseModel(arg)
	if err != nil {
		return err
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	m, err := c.Model(ctx, ref.name, ref.version)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(m)
	}
	pairs(a.stdout,
		"model", m.Name+"/"+m.Version, "id", m.ID, "number", strconv.FormatInt(m.Number, 10), "stage", m.Stage, "aliases", strings.Join(m.Aliases, ", "),
		"description", m.Description, "digest", m.Digest, "source", m.Source, "run", m.Run, "data", m.DataDigest, "release", m.Release, "registered", when(m.CreatedAt)+" by "+m.CreatedBy,
		"page", c.URL("models", m.Name, m.Version))
	if len(m.Metrics) > 0 {
		fmt.Fprintln(a.stdout)
		var rows [][]string
		for _, k := range slices.Sorted(maps.Keys(m.Metrics)) {
			rows = append(rows, []string{k, strconv.FormatFloat(m.Metrics[k], 'g', 6, 64)})
		}
		a.table([]string{"METRIC", "VALUE"}, rows)
	}
	if len(m.Evidence) > 0 {
		fmt.Fprintln(a.stdout)
		var rows [][]string
		for _, e := range m.Evidence {
			verdict := "failed"
			if e.Passed {
				verdict = "passed"
			}
			rows = append(rows, []string{e.Suite, verdict, when(e.At), c.URL("reports", first(e.Page, e.Report))})
		}
		a.table([]string{"EVIDENCE", "VERDICT", "AT", "REPORT"}, rows)
	}
	return nil
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
