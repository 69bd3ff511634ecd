package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/stack"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"", codeOK, "Exit codes:"},
		{"--help", codeOK, "SLIPWAY_STATE"},
		{"release", codeOK, "promote"},
		{"relese", codeUsage, "did you mean release?"},
		{"release strat", codeUsage, "did you mean start?"},
		{"release lst", codeUsage, "did you mean list?"},
		{"--nothing", codeUsage, "unknown flag"},
		{"release list -o xml", codeUsage, "want table or json"},
		{"release list extra", codeUsage, "takes no argument"},
		{"release list --limit 0", codeUsage, "at least 1"},
		{"release list --limit x", codeUsage, "invalid argument"},
		{"release start", codeUsage, "-f is missing"},
		{"release start -f x --dry-run --watch", codeUsage, "--dry-run"},
		{"release validate", codeUsage, "-f is missing"},
		{"release show", codeUsage, "takes MODEL/VERSION, found none"},
		{"release show credit-risk", codeUsage, "write MODEL/VERSION"},
		{"release watch a/b/c", codeUsage, "write MODEL/VERSION"},
		{"release pause a/1", codeUsage, "--reason is missing"},
		{"approve a/1", codeUsage, "--reason is missing"},
		{"reject a/1 b/1 --reason x", codeUsage, "takes MODEL/VERSION"},
		{"predict", codeUsage, "--input is missing"},
		{"predict --input {", codeError, "not JSON"},
		{"predict --input @/does/not/exist", codeError, "no such file"},
	} {
		out, errs, code := cli(t, append(strings.Fields(c.args), "--state", t.TempDir())...)
		require.Equal(t, c.code, code, "%s\n%s%s", c.args, out, errs)
		require.Contains(t, out+errs, c.says, c.args)
		if code != codeOK {
			require.True(t, strings.HasPrefix(errs, "slipway: "), errs)
			require.Empty(t, out, c.args)
		}
	}
}

func TestNothingRuns(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"release list", "release show a/1", "release watch a/1", "model list", "model show a/1", "data list", "data show a", "predict --input 1", "release abort a/1 --reason x", "approve a/1 --reason x"} {
		_, errs, code := cli(t, append(strings.Fields(args), "--state", t.TempDir())...)
		require.Equal(t, codeError, code, args)
		require.Contains(t, errs, "slipwayd dev --state", args)
		require.Equal(t, 1, strings.Count(errs, "no running stack"), args)
	}
	state := t.TempDir() // of a daemon that is gone
	require.NoError(t, stack.Stack{Control: "http://127.0.0.1:1", Temporal: "127.0.0.1:1", GatewayHTTP: "http://127.0.0.1:1"}.Write(state))
	_, errs, code := cli(t, "release", "list", "--state", state)
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "start slipwayd")
	_, errs, code = cli(t, "predict", "--input", "1", "--state", state)
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "--gateway")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := specFile(t, "good", "1.0.0", "")
	out, errs, code := cli(t, "release", "validate", "-f", good)
	require.Zero(t, code, errs)
	require.Contains(t, out, "release good/1.0.0 is valid")
	out, _, code = cli(t, "release", "validate", "-f", good, "-o", "json")
	require.Zero(t, code)
	require.JSONEq(t, "[]", out)

	bad := specFile(t, "good", "1.0.0", "tets: {}\ncanary: {steps: [{weight: 500, duration: 1s}]}\n")
	out, errs, code = cli(t, "release", "validate", "-f", bad)
	require.Equal(t, codeError, code)
	require.Contains(t, out, "release.yaml:4: ")
	require.Contains(t, out, "canary.steps[0].weight")
	require.Contains(t, errs, "problems")
	out, _, code = cli(t, "release", "validate", "-f", bad, "-o", "json")
	require.Equal(t, codeError, code)
	var problems []problem
	require.NoError(t, json.Unmarshal([]byte(out), &problems))
	require.GreaterOrEqual(t, len(problems), 2)
	require.Equal(t, 4, problems[0].Line)
	require.NotEmpty(t, problems[0].Message)

	condition := specFile(t, "good", "1.0.0", "tests: {slices: {given: [{name: young, where: age <}]}}\n")
	out, _, code = cli(t, "release", "validate", "-f", condition)
	require.Equal(t, codeError, code)
	require.Contains(t, out, `tests.slices.given[0].where: condition "age <"`)

	_, errs, code = cli(t, "release", "validate", "-f", filepath.Join(t.TempDir(), "none.yaml"))
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "no such file")
	out, _, code = cli(t, "release", "schema")
	require.Zero(t, code)
	require.True(t, json.Valid([]byte(out)))
}

func TestPredict(t *testing.T) {
	t.Parallel()
	var asked struct {
		Model string
		Input json.RawMessage
	}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.Method != http.MethodPost || r.URL.Path != "/predict" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if json.NewDecoder(r.Body).Decode(&asked) != nil || string(asked.Input) == `"bad"` {
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"error": "column age is missing", "status": "error"}`))
			return
		}
		w.Write([]byte(`{"prediction": ["good"], "latency_ms": 1.5, "status": "ok"}`))
	}))
	t.Cleanup(gateway.Close)
	dir := t.TempDir()
	secret, row := filepath.Join(dir, "token"), filepath.Join(dir, "row.json")
	require.NoError(t, os.WriteFile(secret, []byte("secret\n"), 0o600))
	require.NoError(t, os.WriteFile(row, []byte(`{"age": 35}`), 0o600))

	out, errs, code := cli(t, "predict", "--gateway", gateway.URL, "--token-file", secret, "--input", "@"+row, "--model", "credit")
	require.Zero(t, code, errs)
	require.Equal(t, "[\"good\"]\n", out)
	require.Equal(t, "credit", asked.Model)
	require.JSONEq(t, `{"age": 35}`, string(asked.Input))
	out, errs, code = cli(t, "predict", "--gateway", gateway.URL, "--token-file", secret, "--input", "[1]", "-o", "json")
	require.Zero(t, code, errs)
	require.JSONEq(t, `{"prediction": ["good"], "latency_ms": 1.5, "status": "ok"}`, out)
	_, errs, code = cli(t, "predict", "--gateway", gateway.URL, "--token-file", secret, "--input", `"bad"`)
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "column age is missing")
	_, errs, code = cli(t, "predict", "--gateway", gateway.URL, "--input", "1")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "401")
	_, errs, code = cli(t, "predict", "--gateway", gateway.URL, "--token-file", "/does/not/exist", "--input", "1")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "token file")
}

// docs/cli.md names every command and every flag, and every command has an example.
func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/cli.md")
	require.NoError(t, err)
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		require.NotEmpty(t, cmd.Example, cmd.CommandPath())
		require.NotEmpty(t, cmd.Short, cmd.CommandPath())
		if len(cmd.Commands()) == 0 {
			require.Contains(t, string(doc), "`"+cmd.CommandPath(), "docs/cli.md")
		}
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			require.Contains(t, string(doc), "--"+f.Name, "docs/cli.md: %s", cmd.CommandPath())
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newCommand(&app{}))
	for _, code := range []string{"| 0 |", "| 1 |", "| 2 |", "| 3 |", "| 4 |"} {
		require.Contains(t, string(doc), code)
	}
}
