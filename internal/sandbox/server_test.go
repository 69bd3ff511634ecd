package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/sandbox"
)

// polite waits to be asked to end, and says goodbye.
func polite(c *sandbox.Child) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	if err := c.Send("hello"); err != nil {
		return err
	}
	<-ended
	return c.Send("goodbye")
}

// A child that has time to end uses it; one that does not end is killed.
func TestGrace(t *testing.T) {
	t.Parallel()
	run := func(entry string, grace time.Duration) ([]string, error) {
		ctx, cancel := context.WithCancel(t.Context())
		var said []string
		_, err := sandbox.Run(ctx, sandbox.Command{Entry: entry, Grace: grace, Message: func(body json.RawMessage) error {
			said = append(said, string(body))
			cancel()
			return nil
		}})
		return said, err
	}
	said, err := run("polite", time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{`"hello"`, `"goodbye"`}, said)
	said, err = run("polite", 0)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{`"hello"`}, said)
}

func TestCores(t *testing.T) {
	t.Parallel()
	cores, started := "", 0
	var held []string
	usage, err := sandbox.Run(t.Context(), sandbox.Command{
		Entry: "cores", Limits: sandbox.Limits{Cores: 1}, Started: func(pid int) { started = pid },
		Barriers: func(h []string) { held = h },
		Message:  func(body json.RawMessage) error { cores = string(body); return nil },
	})
	require.NoError(t, err)
	require.Equal(t, "1", cores)
	require.NotZero(t, started)
	require.Contains(t, strings.Join(held, "; "), "processors")
	require.Equal(t, usage.Barriers, held)
}

// Every thread of a child goes behind others, and no thread of its parent does.
func TestNice(t *testing.T) {
	t.Parallel()
	before := niceOfThreads()
	var said []string
	_, err := sandbox.Run(t.Context(), sandbox.Command{
		Entry: "nice", Limits: sandbox.Limits{Nice: 3},
		Message: func(body json.RawMessage) error { said = append(said, string(body)); return nil },
	})
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprintf("[%d]", min(before[0]+3, 19))}, said)
	// The thread that started the child ends, a little later.
	require.Eventually(t, func() bool { return slices.Equal(before, niceOfThreads()) }, 10*time.Second, time.Millisecond)
}

// niceOfThreads are the different nice values of this process's threads; nil where there is no /proc.
func niceOfThreads() []int {
	var out []int
	stats, _ := filepath.Glob("/proc/self/task/*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if nice, err := strconv.Atoi(fields[16]); err == nil && !slices.Contains(out, nice) {
			out = append(out, nice)
		}
	}
	return out
}

// A program that the child may not turn into stays what it is: a file.
func TestExecIsHeld(t *testing.T) {
	t.Parallel()
	usage, err := sandbox.Run(t.Context(), sandbox.Command{Entry: "become"})
	if strings.Contains(strings.Join(usage.Barriers, "; "), "Landlock") {
		require.ErrorIs(t, err, sandbox.ErrEntry)
		require.ErrorContains(t, err, "turn into /bin/sleep: permission denied")
	}
}

// All of what a child prints can be had, and of much the beginning and the end are kept.
func TestWhatAChildPrints(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := sandbox.Run(t.Context(), sandbox.Command{Entry: "crash", Stderr: &out})
	var death *sandbox.Death
	require.ErrorAs(t, err, &death)
	require.Contains(t, out.String(), "panic: no such weight")
	_, err = sandbox.ResidentMemory(os.Getpid())
	require.NoError(t, err)
	_, err = sandbox.ResidentMemory(-1)
	require.True(t, errors.Is(err, os.ErrNotExist))
}
