package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataVerifyCommand(a *app, o *DataOptions) *cobra.Command {
	var forget bool
	cmd := &cobra.Command{
		Use:   "verify [REF]",
		Short: "Hash every stored byte again and name what is damaged",
		Long: `Reads and hashes every stored byte of a data version, or without REF of the whole
store: of all versions, and of every model, report and other file that releases
keep in it. Prints a line for each damaged file; the exit code is 1 if there is one. With --forget what is damaged is taken off the record:
adding the same data again then stores it anew and mends every version of it.`,
		Example: `  slipway data verify
  slipway data verify credit@1 -o json
  slipway data verify --forget`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("slipway data verify takes at most one REF, found %s", quoted(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDataVerify(cmd.Context(), o, args, forget) },
	}
	cmd.Flags().BoolVar(&forget, "forget", false, "take damaged parts off the record, so that adding the data again mends them")
	return cmd
}

// verification is what verify prints for programs.
type verification struct {
	dataversion.Verified
	Damage []dataversion.Damage `json:"damage"`
	Forgot int                  `json:"forgot"` // parts
}

func (a *app) runDataVerify(ctx context.Context, o *DataOptions, refs []string, forget bool) error {
	return o.with(ctx, a, func(l *dataversion.Library) error {
		var versions []catalog.DataVersion
		for _, ref := range refs {
			d, err := findData(ctx, l, ref)
			if err != nil {
				return err
			}
			versions = append(versions, d)
		}
		out := verification{Damage: []dataversion.Damage{}}
		var err error
		tell, done := a.progress("verify", "object")
		out.Verified, err = l.Verify(ctx, versions, func(d dataversion.Damage) { out.Damage = append(out.Damage, d) }, tell)
		done()
		if !a.json() { // not before, for the bar is drawn over what else is written
			for _, d := range out.Damage {
				fmt.Fprintln(a.stdout, damageLine(d))
			}
		}
		if err != nil {
			return err
		}
		if forget && len(out.Bad) > 0 {
			if err := l.Forget(ctx, out.Bad); err != nil {
				return err
			}
			out.Forgot = len(out.Bad)
		}
		return a.tellVerified(out)
	})
}

func (a *app) tellVerified(out verification) error {
	if a.json() {
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "%s read: %s, %s\n", size(out.Bytes), count64(out.Versions, "version"), count64(out.Files, "file"))
	}
	if out.Damaged == 0 {
		return nil
	}
	err := fmt.Errorf("%s damaged: 'slipway data verify --forget' and adding the same data again mend it", count64(out.Damaged, "place"))
	if out.Forgot > 0 {
		err = fmt.Errorf("%s damaged, %s taken off the record: add the same data again", count64(out.Damaged, "place"), count(out.Forgot, "part"))
	}
	return exitError{code: codeError, cause: err}
}

func damageLine(d dataversion.Damage) string {
	where := d.Version + ": " + d.Path
	switch {
	case d.Version == "":
		where = "no version: " + cmp.Or(d.Object, d.Blob)
	case d.Path == "":
		where = d.Version + ": its list of files"
	}
	return clean(where + ": " + d.Reason)
}
