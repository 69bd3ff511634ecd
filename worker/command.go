package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/telemetry"
)

func newCommand(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "slipwayd",
		Short: "Slipway's daemon: workers, control API and prediction gateway",
		Example: `  slipwayd dev
  slipwayd run --roles gateway --gateway-http :8480 --token-file /run/secrets/token`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usageError{fmt.Errorf("slipwayd has no command %q", args[0])}
		},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(devCommand(stdout, stderr), runCommand(stdout, stderr), modelServerCommand(stdout, stderr), healthCommand(stdout))
	return root
}

func devCommand(stdout, stderr io.Writer) *cobra.Command {
	cfg := defaults()
	var ports, output string
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "All roles with a local Temporal, on 127.0.0.1, state under one folder",
		Long: `Starts a Temporal development server with its UI, every role and the gateway
in this process, all on 127.0.0.1. Prints one line with every address once all
of it is ready; SIGTERM or Ctrl-C stops it cleanly. Messages need no signature here.`,
		Example: `  slipwayd dev
  slipwayd dev --state /var/tmp/slipway --ports auto -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("-o %q: want text or json", output)}
			}
			if ports != "auto" && ports != "default" {
				return usageError{fmt.Errorf("--ports %q: want auto or default", ports)}
			}
			return dev(cmd.Context(), cfg, ports == "auto", output, stdout, newLog(stderr, cfg))
		},
	}
	cfg.commonFlags(cmd.Flags())
	cmd.Flags().StringVar(&ports, "ports", "default", "auto: any free ports, those of the last start where possible; default: 8470 control, 8480 and 8481 gateway, 7233 Temporal, 8233 UI")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "how the addresses are printed: text or json")
	cmd.Flags().StringVar(&cfg.TemporalCLI, "temporal-cli", cfg.TemporalCLI, "the temporal CLI (TEMPORAL_CLI); default: beside slipwayd, then on PATH")
	return cmd
}

func runCommand(stdout, stderr io.Writer) *cobra.Command {
	cfg := defaults()
	var roles []string
	cmd := &cobra.Command{
		Use:   "run --roles ROLE[,ROLE…]",
		Short: "One or more roles on their own: control, compute, gpu, gateway",
		Long: `Runs roles against an existing Temporal, catalog and blob store.

  control   workflows, light activities and the control API
  compute   data validation, model tests, drift statistics
  gpu       loads and warms candidates on this host's device
  gateway   serves predictions; needs only the catalog and the blob store

Addresses and credentials come from flags or the environment; Temporal's own
variables (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS_…) work as in the
temporal CLI. Beyond loopback the control API and the gateway ask for a bearer token.`,
		Example: `  slipwayd run --roles control,compute,gpu --catalog postgres://db/slipway --artifacts s3://slipway
  slipwayd run --roles gateway --gateway-http :8480 --token-file /run/secrets/token`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := parseRoles(roles)
			if err != nil {
				return usageError{err}
			}
			return serve(cmd.Context(), cfg, set, stdout, newLog(stderr, cfg))
		},
	}
	cfg.commonFlags(cmd.Flags())
	cfg.runFlags(cmd.Flags())
	cmd.Flags().StringSliceVar(&roles, "roles", nil, "roles to run: control, compute, gpu, gateway")
	return cmd
}

func healthCommand(stdout io.Writer) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:     "health --url URL",
		Short:   "Exit 0 if the URL answers 200: a container's health check",
		Example: "  slipwayd health --url http://127.0.0.1:8480/health",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return usageError{fmt.Errorf("--url: %w", err)}
			}
			answer, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("%s answers %s", url, answer.Status)
			}
			fmt.Fprintln(stdout, "healthy")
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "url", "http://127.0.0.1:8480/health", "what to ask")
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, found %s", cmd.CommandPath(), strings.Join(args, " "))}
	}
	return nil
}

// newLog is the process's log, of which clients of the gateway may change the levels later.
func newLog(w io.Writer, cfg *config) *slog.Logger {
	cfg.logLevels = telemetry.NewLevels(cfg.LogLevel)
	return slog.New(cfg.logLevels.Handler(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})))
}
