package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `Takes machine-learning models from data to production, and steers them on the way.

A running Slipway is found by --state (the folder of 'slipwayd dev'), or by the
addresses --control, --temporal and --gateway. Flags beat the environment, the
environment beats the state folder:

  SLIPWAY_STATE        folder of a running 'slipwayd dev' (.slipway)
  SLIPWAY_CONTROL      control API, http://host:port
  TEMPORAL_ADDRESS     Temporal, host:port; Temporal's other variables and its
                       configuration file work as in the temporal CLI
  SLIPWAY_GATEWAY      prediction gateway, http://host:port
  SLIPWAY_TOKEN_FILE   file with the bearer token of control API and gateway
  SLIPWAY_USER         who you are (your login name)
  SLIPWAY_KEY_FILE     your Ed25519 private key, for signing
  NO_COLOR             no colors

Exit codes:
  0  done; of a watched release: it is in production
  1  error
  2  wrong usage
  3  a gate or a person stopped the release, or it was refused
  4  the canary rolled the release back`

func newCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "slipway",
		Short: "Release machine-learning models",
		Long:  rootHelp,
		Example: `  slipway release start -f release.yaml --watch
  slipway approve credit-risk/1.1.0 --as bob --reason "metrics reviewed"
  slipway release list`,
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		Args:              cobra.ArbitraryArgs,
		RunE:              group,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.options.check() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	a.options.register(root.PersistentFlags())
	root.AddCommand(releaseCommand(a), modelCommand(a), dataCommand(a), batchCommand(a), predictCommand(a), mirrorCommand(a))
	for _, words := range decisions() {
		root.AddCommand(decideCommand(a, words))
	}
	return root
}

func releaseCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "release",
		Short:   "Start, watch and steer releases",
		Example: "  slipway release list",
		Args:    cobra.ArbitraryArgs,
		RunE:    group,
	}
	cmd.AddCommand(
		startCommand(a), validateCommand(a), schemaCommand(a),
		listCommand(a), showCommand(a), watchCommand(a),
	)
	for _, words := range controls() {
		cmd.AddCommand(controlCommand(a, words))
	}
	return cmd
}

// group is a command that only holds others.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2 // cobra sets it for commands without arguments only
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("%s has no command %q; did you mean %s?", cmd.CommandPath(), args[0], strings.Join(near, " or "))
	}
	return usagef("%s has no command %q", cmd.CommandPath(), args[0])
}

// takes demands as many arguments as names.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		want := "no argument"
		if len(names) > 0 {
			want = strings.Join(names, " ")
		}
		if len(args) != len(names) {
			return usagef("%s takes %s, found %s", cmd.CommandPath(), want, quoted(args))
		}
		return nil
	}
}

func quoted(args []string) string {
	if len(args) == 0 {
		return "none"
	}
	return fmt.Sprintf("%q", args)
}
