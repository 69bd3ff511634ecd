package modelserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"sync"

	"google.golang.org/grpc"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Names of the work that this program does as a process of a model.
const (
	EntryONNX    = "model-server"
	EntryProgram = "model-program"
)

// Entries are what the program has to give to sandbox.Serve.
func Entries() map[string]sandbox.Entry {
	return map[string]sandbox.Entry{EntryONNX: serveONNX, EntryProgram: becomeProgram}
}

// garbage is how much of it a process may hold, in percent of the little that it uses (GOGC).
const garbage = 400

// serveONNX is a process that runs an ONNX model. It loads ONNX Runtime, gives up
// every right that it can do without, and only then looks at the model.
func serveONNX(c *sandbox.Child) (err error) {
	var r ownRequest
	if err := json.Unmarshal(c.Request, &r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if len(c.Files) < ownLanes {
		return fmt.Errorf("read the request: %d files, want %d and more", len(c.Files), ownLanes)
	}
	conn, err := net.FileConn(c.Files[ownConnection])
	if err := errors.Join(err, c.Files[ownConnection].Close()); err != nil {
		return fmt.Errorf("take over the connection: %w", err)
	}
	rt, err := onnx.Find()
	if err != nil {
		return err
	}
	reach := sandbox.Reach{}
	if r.Options.Device != onnx.DeviceCPU && rt.CUDA() {
		reach.Read, reach.Write = rt.CUDAPaths()
	}
	if _, err := c.Confine(reach); err != nil {
		return err
	}
	model, err := openModel(rt, c.Files[ownModel], r)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // of the file, which is not needed any more
	debug.SetGCPercent(garbage)
	s := started{Device: model.Device()}
	if e, ok := model.(serving.Exemplified); ok {
		s.Examples = e.Examples()
	}
	if err := c.Send(s); err != nil {
		return err
	}
	// A lane that waits for a call keeps its place among the GOMAXPROCS until the scheduler's monitor notices, and another's call would wait for that.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + len(c.Files[ownCancels:]))
	served := newServer(model, r.Model.Name, r.Model.Version)
	go servePipe(c.Files[ownLanes:], c.Files[ownCancels], served)
	return serve(conn, served)
}

// openModel loads the model from its file, in as many instances as it is to have.
func openModel(rt *onnx.Runtime, f io.ReaderAt, r ownRequest) (serving.Model, error) {
	runtime, err := serving.NewONNX(rt, r.Options)
	if err != nil {
		return nil, err
	}
	if r.Narrow {
		runtime = runtime.Narrowed()
	}
	model := make([]byte, r.Size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, r.Size), model); err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	return runtime.Load(context.Background(), model, r.Model)
}

// serve answers on one connection until it is closed.
func serve(conn net.Conn, b oip.Backend) error {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.ReadBufferSize(buffer), grpc.WriteBufferSize(buffer), grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.NumStreamWorkers(4), // keeps stacks that have grown
	)
	oip.RegisterGRPC(server, b, oip.Identity{Name: "slipway-model-server"})
	l := &single{addr: conn.LocalAddr(), closed: make(chan struct{})}
	l.conn = &watched{Conn: conn, closed: func() { close(l.closed) }}
	if err := server.Serve(l); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("serve the model: %w", err)
	}
	return nil
}

// single is a listener of one connection.
type single struct {
	mu     sync.Mutex
	conn   net.Conn
	addr   net.Addr
	closed chan struct{}
}

// Accept returns the connection, and then waits until that is closed.
func (l *single) Accept() (net.Conn, error) {
	l.mu.Lock()
	conn := l.conn
	l.conn = nil
	l.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	<-l.closed
	return nil, io.EOF
}

// Close does nothing: the connection is closed by who has accepted it.
func (l *single) Close() error { return nil }

// Addr is the connection's.
func (l *single) Addr() net.Addr { return l.addr }
