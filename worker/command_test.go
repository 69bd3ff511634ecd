package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// slipwayd runs a command line in this process.
func slipwayd(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":   {[]string{"start"}, `no command "start"`},
		"unknown flag":      {[]string{"run", "--rolls", "control"}, "--rolls"},
		"no roles":          {[]string{"run"}, "--roles is empty"},
		"unknown role":      {[]string{"run", "--roles", "control,gatway"}, `"gatway" is not a role`},
		"arguments":         {[]string{"run", "control"}, "takes no arguments"},
		"dev arguments":     {[]string{"dev", "now"}, "takes no arguments"},
		"dev ports":         {[]string{"dev", "--ports", "8080"}, "want auto or default"},
		"dev output":        {[]string{"dev", "-o", "xml"}, "want text or json"},
		"log level":         {[]string{"dev", "--log-level", "loud"}, "log-level"},
		"device":            {[]string{"run", "--roles", "gpu", "--state", t.TempDir(), "--device", "tpu"}, "want auto, cpu, cuda or cuda:N"},
		"mirror runs":       {[]string{"run", "--roles", "control", "--state", t.TempDir(), "--mirror-runs", "some"}, "want releases or all"},
		"mirror bound":      {[]string{"run", "--roles", "control", "--state", t.TempDir(), "--mirror-max-artifact-mb", "0"}, "want at least 1"},
		"mirror password":   {[]string{"run", "--roles", "control", "--state", t.TempDir(), "--mirror", "https://ann:hush@example.org"}, "SLIPWAY_MIRROR_TOKEN"},
		"health arguments":  {[]string{"health", "url"}, "takes no arguments"},
		"dev has no tokens": {[]string{"dev", "--allow-unverified"}, "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := slipwayd(t, c.args...)
			require.Equal(t, exitUsage, code, errs)
			require.Empty(t, out)
			require.Contains(t, errs, "slipwayd: ")
			require.Contains(t, errs, c.want)
			require.Contains(t, errs, "slipwayd --help")
		})
	}
}

func TestHelpHasExamples(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"": nil, "help": {"--help"}, "dev": {"dev", "--help"}, "run": {"run", "--help"}, "health": {"health", "--help"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := slipwayd(t, args...)
			require.Equal(t, exitOK, code, errs)
			require.Empty(t, errs)
			require.Contains(t, out, "Examples:\n  slipwayd ")
		})
	}
	_, out, _ := slipwayd(t, "--version")
	require.Contains(t, out, version)
}

// What is not safe, or can't work, ends the daemon before it does anything.
func TestRunRefuses(t *testing.T) {
	t.Parallel()
	taken := occupied(t)
	short := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(short, []byte("short"), 0o600))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"open without a token": {[]string{"--roles", "control", "--control-listen", ":0"}, "--token-file"},
		"short token":          {[]string{"--roles", "control", "--control-listen", "127.0.0.1:0", "--token-file", short}, "want at least 16"},
		"port in use":          {[]string{"--roles", "control", "--control-listen", taken}, taken},
		"unverified, open":     {[]string{"--roles", "control", "--control-listen", ":0", "--token-file", short, "--allow-unverified"}, "loopback only"},
		"catalog":              {[]string{"--roles", "compute", "--catalog", "mysql://db"}, "mysql"},
		"artifacts":            {[]string{"--roles", "compute", "--artifacts", "ftp://store"}, "ftp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			code, out, errs := slipwayd(t, append([]string{"run", "--state", state}, c.args...)...)
			require.Equal(t, exitError, code, errs)
			require.Empty(t, out, "no address is told")
			require.Contains(t, errs, c.want)
		})
	}
}

// A second dev in one state folder must not touch what the first one has.
func TestDevInAStateThatIsInUse(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	unlock, err := lockState(state)
	require.NoError(t, err)
	cli := filepath.Join(t.TempDir(), "temporal")
	require.NoError(t, os.WriteFile(cli, []byte("#!/bin/sh\nexit 1\n"), 0o700))
	code, out, errs := slipwayd(t, "dev", "--state", state, "--ports", "auto", "--temporal-cli", cli)
	require.Equal(t, exitError, code)
	require.Empty(t, out)
	require.Contains(t, errs, "another slipwayd uses "+state)
	require.NoFileExists(t, filepath.Join(state, "temporal.log"))
	require.NoError(t, unlock())
}
