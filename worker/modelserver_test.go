package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModelServerRefuses(t *testing.T) {
	t.Parallel()
	model := filepath.Join("..", "examples", "credit-risk", "models", "1.0.0.onnx")
	for want, c := range map[string]struct {
		code int
		args []string
	}{
		"--model: name the file":  {exitUsage, nil},
		"--task":                  {exitUsage, []string{"--model", model, "--task", "ranking"}},
		"--response-cache-mb":     {exitUsage, []string{"--model", model, "--response-cache-mb", "-1"}},
		"--batch-size":            {exitUsage, []string{"--model", model, "--batch-size", "0"}},
		"--isolation":             {exitUsage, []string{"--model", model, "--isolation", "some"}},
		"no such file":            {exitError, []string{"--model", "missing.onnx"}},
		"needs --token-file":      {exitError, []string{"--model", model, "--listen", ":0"}},
		"--model-memory-mb and -": {exitUsage, []string{"--model", model, "--model-memory-mb", "-1"}},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			code, out, errs := slipwayd(t, append([]string{"model-server"}, c.args...)...)
			require.Equal(t, c.code, code, errs)
			require.Empty(t, out)
			require.Contains(t, errs, want)
		})
	}
}
