package modelserver

import (
	"context"
	"io"
	"sync"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// pipeServer answers the calls of a pipe, a lane's one after the other.
type pipeServer struct {
	server *server

	mu    sync.Mutex
	lanes []served
}

// served is what a lane does.
type served struct {
	call   uint64 // the last that it began
	cancel context.CancelFunc
	early  uint64 // a call that nobody waited for any more before it began
}

// servePipe answers until every connection has ended; the calls inside are cancelled as soon as the
// connection for cancellations has. What it reads from blocks: a goroutine that waits
// then needs nobody to wake it but the kernel.
func servePipe[C io.ReadWriteCloser](lanes []C, cancels C, of *server) {
	s := &pipeServer{server: of, lanes: make([]served, len(lanes))}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		defer stop()
		s.cancellations(cancels)
	})
	for _, l := range lanes {
		all.Go(func() { s.serve(ctx, l) })
	}
	all.Wait()
}

// cancellations reads which calls nobody waits for.
func (s *pipeServer) cancellations(conn io.ReadCloser) {
	frames := newFrameReader(conn)
	for {
		f, err := frames.next()
		if err != nil {
			_ = conn.Close() // the other side has, or says what is no frame
			return
		}
		if laneOf(f.call) >= len(s.lanes) {
			continue
		}
		s.mu.Lock()
		switch l := &s.lanes[laneOf(f.call)]; {
		case f.call == l.call:
			l.cancel()
		case f.call > l.call:
			l.early = f.call
		}
		s.mu.Unlock()
	}
}

// serve answers the calls of a lane.
func (s *pipeServer) serve(ctx context.Context, lane io.ReadWriteCloser) {
	watch := newWatcher(lane)
	frames := newFrameReader(watch)
	var out []byte
	for {
		f, err := frames.next()
		watch.soon = f.kind == frameInferAlone
		if err != nil || !f.kind.asks() || laneOf(f.call) >= len(s.lanes) {
			_ = lane.Close() // as above
			return
		}
		out = s.run(ctx, f, out[:0])
		if _, err := lane.Write(out); err != nil {
			_ = lane.Close()
			return
		}
		if cap(out) > maxKept {
			out = nil
		}
	}
}

// run answers a call with a frame, which is appended to b.
func (s *pipeServer) run(ctx context.Context, f frame, b []byte) []byte {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	l := &s.lanes[laneOf(f.call)]
	l.call, l.cancel = f.call, cancel
	if l.early == f.call {
		cancel()
	}
	s.mu.Unlock()
	if f.kind&frameNarrow != 0 {
		ctx = serving.WithOneThread(ctx)
	}
	out, err := s.infer(ctx, f, b)
	if err != nil {
		out, _ = sealFrame(append(append(startFrame(b[:0], f.call, frameError), byte(oip.CodeOf(err))), clipped([]byte(err.Error()))...)) // short
	}
	return out
}

func (s *pipeServer) infer(ctx context.Context, f frame, b []byte) ([]byte, error) {
	in, err := readTensors(f.body, s.server.model.Inputs())
	if err != nil {
		return nil, &oip.Error{Code: oip.Invalid, Err: err}
	}
	r, err := s.server.Infer(ctx, oip.Request{Model: s.server.name, Version: s.server.version, Inputs: in})
	if err != nil {
		return nil, err
	}
	b, err = appendTensors(startFrame(b, f.call, frameOutputs), r.Outputs)
	if err != nil {
		return nil, err
	}
	return sealFrame(b)
}
