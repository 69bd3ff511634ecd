package modelserver

import (
	"context"
	"net"

	"github.com/slipway-ml/slipway/internal/sandbox"
)

// kind starts processes for one model, one at a time.
type kind interface {
	// launch prepares a start.
	launch() (*launch, error)
	// narrow is how many calls may run at once on a thread each, see serving.Narrowable.
	narrow() int
	// close frees what the starts shared, after the last process has ended.
	close() error
}

// launch is one start of a process.
type launch struct {
	// command is what to run, without the functions that watch it.
	command sandbox.Command
	// connect opens the connection. It waits until the process listens, or ctx ends.
	connect func(ctx context.Context) (net.Conn, error)
	// pipe is the shorter way for inferences, to a process of our own; nil: they go over the connection.
	pipe *pipeEnds
	// release frees the process's ends of what was opened for it, once it has started or failed to.
	release func() error
	// device is where the model runs; empty: the process tells.
	device string
	// ended is told, before anybody else learns of it, what the process took in all and how it ended.
	ended func(sandbox.Usage, error)
}
