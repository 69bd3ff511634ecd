package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/spec"
)

func validateCommand(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "validate -f FILE",
		Short: "Check a release spec and the files it names",
		Long:  "Prints each problem on a line with file, line, field and what is allowed. Needs no running Slipway.",
		Example: `  slipway release validate -f release.yaml
  slipway release validate -f release.yaml -o json`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error { return a.runValidate(file) },
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "release spec")
	return cmd
}

func schemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the release spec, for editors",
		Example: "  slipway release schema > release.schema.json",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			schema, err := spec.JSONSchema()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(schema)
			return err
		},
	}
}

// problem is a spec.Problem for programs.
type problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Field   string `json:"field,omitempty"`
	Found   string `json:"found,omitempty"` // empty: nothing is there
	Want    string `json:"want,omitempty"`
	Message string `json:"message"`
}

func (a *app) runValidate(file string) error {
	if file == "" {
		return usagef("-f is missing: name the release spec")
	}
	r, err := loadSpec(file)
	var problems spec.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	if a.json() {
		list := make([]problem, len(problems))
		for i, p := range problems {
			list[i] = problem{p.File, p.Line, p.Column, p.Field, p.Found, p.Want, p.Error()}
		}
		if err := a.printJSON(list); err != nil {
			return err
		}
	} else if err == nil {
		fmt.Fprintf(a.stdout, "%s: release %s is valid\n", file, r.ID())
	} else {
		for _, p := range problems {
			fmt.Fprintln(a.stdout, clean(p.Error()))
		}
	}
	if err != nil {
		return exitError{code: codeError, cause: fmt.Errorf("%s: %s", file, count(len(problems), "problem"))}
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
