// Command slipwayd is Slipway's daemon: workflow and activity workers, the
// control API and the prediction gateway, each a role that can run on its own;
// `slipwayd dev` runs all of them with a local Temporal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/sandbox"
)

// version is set by the linker.
var version = "dev"

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// usageError is an error of how the command was called.
type usageError struct{ error }

// children is the work that this program does in child processes of itself.
func children() map[string]sandbox.Entry {
	entries := modelserver.Entries()
	entries[modeltest.ChildName] = modeltest.Child
	return entries
}

func main() {
	sandbox.Serve(children())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := newCommand(stdout, stderr)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "slipwayd: %v\nRun 'slipwayd --help' for usage.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "slipwayd: %v\n", err)
		return exitError
	}
}
