package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

// ModelCompareOptions are the flags of model compare.
type ModelCompareOptions struct {
	// All shows what is the same too.
	All bool
}

func modelCompareCommand(a *app) *cobra.Command {
	var o ModelCompareOptions
	cmd := &cobra.Command{
		Use:   "compare NAME@A NAME@B",
		Short: "Compare two versions of a model: metrics, tests, data, configuration",
		Long:  "Compares two versions. What differs comes first; -o json and --all have what is the same too. The second may be a version alone.",
		Example: `  slipway model compare credit-risk@production credit-risk@1.2.0
  slipway model compare credit-risk@1.1.0 1.2.0 -o json`,
		Args: takes("NAME@A", "NAME@B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runModelCompare(cmd.Context(), args[0], args[1], o)
		},
	}
	cmd.Flags().BoolVar(&o.All, "all", false, "show what is the same too")
	return cmd
}

func (a *app) runModelCompare(ctx context.Context, first, second string, o ModelCompareOptions) error {
	x, err := parseModel(first)
	if err != nil {
		return err
	}
	y, err := parseModel(second)
	if err != nil {
		y, err = parseModel(x.name + "@" + second)
	}
	if err != nil {
		return err
	}
	if x.name != y.name {
		return usagef("%s and %s are versions of different models", clean(x.String()), clean(y.String()))
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	found, err := c.Compare(ctx, x.name, x.version, y.version)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(found)
	}
	var rows [][]string
	same := 0
	for _, s := range found.Sections {
		for _, r := range s.Rows {
			if r.Same && !o.All {
				same++
				continue
			}
			rows = append(rows, []string{s.Name, r.Key, r.A, r.B, rowDifference(r)})
		}
	}
	a.table([]string{"", "WHAT", found.A.Version, found.B.Version, "DIFFERENCE"}, rows)
	if same > 0 {
		fmt.Fprintf(a.stdout, "%d more are the same (--all shows them)\n", same)
	}
	fmt.Fprintln(a.stdout, c.URL("models", x.name, "compare")+"?a="+found.A.Version+"&b="+found.B.Version)
	return nil
}

func rowDifference(r controlclient.ComparisonRow) string {
	switch {
	case r.Same:
		return ""
	case r.Delta != nil:
		sign := ""
		if *r.Delta > 0 {
			sign = "+"
		}
		return sign + strconv.FormatFloat(*r.Delta, 'g', 6, 64)
	case r.A == "":
		return "added"
	case r.B == "":
		return "gone"
	}
	return "different"
}
