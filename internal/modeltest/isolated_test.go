package modeltest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/spec"
)

// TestMain makes the test binary the child that Isolated asks for, and the process of a model.
func TestMain(m *testing.M) {
	entries := modelserver.Entries()
	entries[modeltest.ChildName] = func(c *sandbox.Child) error {
		if bytes.Contains(c.Request, []byte(`"name":"crashing"`)) {
			return crash(c)
		}
		return modeltest.Child(c)
	}
	sandbox.Serve(entries)
	os.Exit(m.Run())
}

// crash dies as a fault in native code would have it, in the middle of a test.
func crash(c *sandbox.Child) error {
	err := c.Send(map[string]any{"done": 2, "total": 15, "name": "forward_pass", "report": map[string]any{
		"model": "crashing", "passed": true, "tests": []modeltest.Test{
			{ID: "C1", Name: "parameter_count", Status: modeltest.StatusPassed, Passed: true}, {ID: "C1", Name: "operators", Status: modeltest.StatusPassed, Passed: true},
		},
	}})
	return errors.Join(err, syscall.Kill(os.Getpid(), syscall.SIGSEGV), func() error { select {} }())
}

// A model that crashes the native code fails the test that it crashed in; what was known before is kept.
func TestIsolatedSurvivesACrash(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	in.Spec.Name = "crashing"
	r := isolated(t, in)
	require.False(t, r.Passed)
	require.Equal(t, []string{"forward_pass"}, failures(r))
	require.Contains(t, r.Summary(), "forward_pass: the model broke its process: its process crashed with SIGSEGV")
	require.Equal(t, modeltest.StatusPassed, r.Tests[1].Status)
	for _, test := range r.Tests[3:] {
		require.Equal(t, modeltest.StatusSkipped, test.Status, test.Name)
	}
	page, err := r.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "if it crashes, do not release it")
}

func isolated(t testing.TB, in modeltest.Input) modeltest.Report {
	t.Helper()
	r, err := modeltest.Isolated(t.Context(), in, nil, nil)
	require.NoError(t, err)
	require.NotNil(t, r.Process)
	require.True(t, r.Process.Isolated)
	require.Len(t, r.Tests, 15)
	return r
}

// The child finds what the process itself finds.
func TestIsolatedAgrees(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"good", "dead_relu", "nan_output", "zipmap", "columns", "random"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, name)
			in.Production, in.ProductionVersion = model(t, "good"), "0"
			here, there := run(t, in), isolated(t, in)
			require.Equal(t, here.Passed, there.Passed)
			require.Equal(t, here.Digest, there.Digest)
			require.Equal(t, here.Rows, there.Rows)
			for i, test := range here.Tests {
				require.Equal(t, test.Name, there.Tests[i].Name)
				if name == "random" && test.ID == "C4" {
					continue // other answers in each run
				}
				require.Equal(t, test.Status, there.Tests[i].Status, "%s: %s", test.Name, there.Tests[i].Error)
			}
			require.Positive(t, there.Process.PeakMemoryMB)
			require.Positive(t, there.Process.CPUSeconds)
			require.NotEmpty(t, there.Process.Barriers)
			_, err := there.HTML()
			require.NoError(t, err)
		})
	}
}

// A model that never answers fails the test in which it hangs.
func TestIsolatedEndsAHangingModel(t *testing.T) {
	t.Parallel()
	in := input(t, "hanging")
	in.Tests.Process = spec.Process{MemoryMB: 2048, Time: spec.Duration(3 * time.Second)}
	r := isolated(t, in)
	require.False(t, r.Passed)
	require.Contains(t, r.Summary(), "the model broke its process: it was not done after 3s")
	require.Len(t, failures(r), 1)
	require.Equal(t, modeltest.StatusSkipped, r.Tests[10].Status)
}

// A model that eats memory does it in its own process.
func TestIsolatedBoundsMemory(t *testing.T) {
	t.Parallel()
	in := input(t, "hungry")
	in.Tests.Process = spec.Process{MemoryMB: 512}
	r := isolated(t, in)
	require.False(t, r.Passed)
	require.Equal(t, []string{"forward_pass"}, failures(r), r.Summary())
	require.Less(t, r.Process.PeakMemoryMB, 2000.0)
}

func TestIsolatedEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	last := ""
	_, err := modeltest.Isolated(ctx, input(t, "hanging"), nil, func(_, _ int, name string) {
		if last = name; name == "forward_pass" {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "forward_pass", last)
}

// What the child cannot do is an error of the machine, not of the model.
func TestIsolatedWithoutALibrary(t *testing.T) {
	fake := filepath.Join(t.TempDir(), "libonnxruntime.so")
	require.NoError(t, os.WriteFile(fake, []byte("no library"), 0o600))
	t.Setenv("ONNXRUNTIME_LIB", fake)
	_, err := modeltest.Isolated(t.Context(), input(t, "good"), nil, nil)
	require.ErrorIs(t, err, sandbox.ErrEntry)
	require.ErrorContains(t, err, "libonnxruntime")
}

// The environment, where secrets are, does not reach the process of the model.
func TestIsolatedReportHoldsNoSecrets(t *testing.T) {
	t.Setenv("SLIPWAY_TEST_SECRET", "swordfish")
	b, err := json.Marshal(isolated(t, input(t, "good")))
	require.NoError(t, err)
	require.NotContains(t, strings.ToLower(string(b)), "swordfish")
}
