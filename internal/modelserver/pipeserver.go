package modelserver

import (
	"bufio"
	"context"
	"net"
	"sync"

	"github.com/slipway-ml/slipway/internal/oip"
)

// pipeServer answers the calls of a pipe.
type pipeServer struct {
	conn   net.Conn
	server *server

	writing sync.Mutex

	mu      sync.Mutex
	running map[uint64]context.CancelFunc
}

// servePipe answers until the connection ends; the calls inside are cancelled then.
func servePipe(conn net.Conn, served *server) {
	s := &pipeServer{conn: conn, server: served, running: map[uint64]context.CancelFunc{}}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		f, err := readFrame(r)
		if err != nil {
			_ = conn.Close() // the other side has, or says what is no frame
			return
		}
		switch f.kind {
		case frameInfer:
			bound, cancel := context.WithCancel(ctx)
			s.mu.Lock()
			s.running[f.call] = cancel
			s.mu.Unlock()
			go s.run(bound, cancel, f)
		case frameCancel:
			s.mu.Lock()
			if cancel := s.running[f.call]; cancel != nil {
				cancel()
			}
			s.mu.Unlock()
		}
	}
}

func (s *pipeServer) run(ctx context.Context, cancel context.CancelFunc, f frame) {
	b, err := s.infer(ctx, f)
	s.mu.Lock()
	delete(s.running, f.call)
	s.mu.Unlock()
	cancel()
	if err != nil {
		code := oip.CodeOf(err)
		b, _ = sealFrame(append(append(newFrame(f.call, frameError, 1+len(err.Error())), byte(code)), clipped([]byte(err.Error()))...)) // short
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	_, _ = s.conn.Write(b) // if the other side is gone, the reader sees it too
}

func (s *pipeServer) infer(ctx context.Context, f frame) ([]byte, error) {
	in, err := readTensors(f.body, s.server.model.Inputs())
	if err != nil {
		return nil, &oip.Error{Code: oip.Invalid, Err: err}
	}
	r, err := s.server.Infer(ctx, oip.Request{Model: s.server.name, Version: s.server.version, Inputs: in})
	if err != nil {
		return nil, err
	}
	b, err := appendTensors(newFrame(f.call, frameOutputs, tensorsSize(r.Outputs)), r.Outputs)
	if err != nil {
		return nil, err
	}
	return sealFrame(b)
}
