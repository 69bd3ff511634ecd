// Command slipway is the client of Slipway: it starts releases, watches and
// steers them, and shows models and data. Whatever it does to a release, the
// plain temporal CLI can do too: it starts and signals by the names in
// internal/contract.
//
// It never imports workflows or activities, keeps no state of its own, and asks
// the control API and Temporal for all it shows.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/sandbox"
)

// version is set by the linker.
var version = "dev"

// children is the work that this program does in child processes of itself.
func children() map[string]sandbox.Entry {
	entries := modelserver.Entries()
	entries[modeltest.ChildName] = modeltest.Child
	return entries
}

func main() {
	sandbox.Serve(children())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program; its result is the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cmd := newCommand(&app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv})
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	var usage usageError
	var end exitError
	switch {
	case err == nil:
		return codeOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "slipway: %v\nRun 'slipway --help' for usage.\n", err)
		return codeUsage
	case errors.As(err, &end):
		if text := err.Error(); text != "" {
			fmt.Fprintf(stderr, "slipway: %s\n", text)
		}
		return end.code
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "slipway: interrupted; what was started goes on")
		return codeError
	default:
		fmt.Fprintf(stderr, "slipway: %s\n", strings.TrimSpace(err.Error()))
		return codeError
	}
}
