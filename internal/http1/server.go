package http1

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves as the http.Server does that it is made of.
type Server struct {
	rest   *http.Server
	passed *passed

	mu       sync.Mutex
	listener net.Listener
	conns    []*conn
	draining atomic.Bool
	drained  chan struct{} // closed when there is no connection left while draining
	watch    watch
}

// New makes a server with rest's handler and limits: ReadHeaderTimeout, ReadTimeout (of a body), WriteTimeout (of an answer's
// way out, not of its handler) and IdleTimeout bound what a connection may be at, to within a second; zero is no bound. It
// serves what this package leaves to net/http, and must not be used by others.
func New(rest *http.Server) *Server {
	s := &Server{rest: rest, passed: newPassed(), drained: make(chan struct{})}
	s.watch.init()
	return s
}

// Serve answers the connections of l, which are Conns, until Shutdown or Close, and returns http.ErrServerClosed then.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener = l
	closed := s.draining.Load()
	s.mu.Unlock()
	if closed {
		return errors.Join(http.ErrServerClosed, l.Close())
	}
	s.passed.addr = l.Addr()
	ended := make(chan error, 1)
	go func() { ended <- s.rest.Serve(s.passed) }()
	watching, stop := context.WithCancel(context.Background())
	defer stop()
	go s.look(watching)
	err := s.accept(l)
	if s.draining.Load() {
		<-s.drained
		stop()
		return <-ended
	}
	return errors.Join(err, s.Close())
}

// accept takes connections until the listener fails for good.
func (s *Server) accept(l net.Listener) error {
	for pause := time.Duration(0); ; {
		accepted, err := l.Accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if !errors.As(err, &temporary) || !temporary.Temporary() { //nolint:staticcheck // too many open files, which passes
				return err
			}
			pause = min(max(5*time.Millisecond, 2*pause), time.Second)
			s.logf("http: Accept error: %v; retrying in %v", err, pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		socket, ok := accepted.(Conn)
		if !ok {
			return errors.Join(fmt.Errorf("serve %s: a connection is a %T, which is no socket", l.Addr(), accepted), accepted.Close())
		}
		s.open(socket)
	}
}

// open begins to serve a connection.
func (s *Server) open(socket Conn) {
	raw, err := socket.SyscallConn()
	if err != nil { // it was closed
		_ = socket.Close()
		return
	}
	c := &conn{Conn: socket, server: s, raw: raw, remote: socket.RemoteAddr().String(), buf: make([]byte, maxHead)}
	c.enter(heading)
	c.seen, c.since = c.steps.Load(), time.Now()
	c.ctx, c.gone = context.WithCancel(context.Background())
	s.mu.Lock()
	c.place = len(s.conns)
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	go c.serve()
}

// forget is the end of a connection here.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.conns[len(s.conns)-1]
	s.conns[c.place], last.place = last, c.place
	s.conns[len(s.conns)-1] = nil
	s.conns = s.conns[:len(s.conns)-1]
	s.settle()
}

// settle tells who waits that no connection is left. The caller holds mu.
func (s *Server) settle() {
	if s.draining.Load() && len(s.conns) == 0 {
		select {
		case <-s.drained:
		default:
			close(s.drained)
		}
	}
}

// pass leaves a connection to net/http.
func (s *Server) pass(c *conn) {
	s.passed.give(&resumed{Conn: c.Conn, ahead: c.buf[c.r:c.w]})
	s.forget(c)
}

// Shutdown ends the server as http.Server.Shutdown does: no new connections, idle ones are closed, requests in hand are
// answered. When ctx ends before that, it returns its error and leaves what is open.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.stop()
	for _, c := range s.all(nil) {
		if now := c.steps.Load(); at(now) == idle {
			c.interrupt(now)
		}
	}
	select {
	case <-s.drained:
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
	return errors.Join(err, s.rest.Shutdown(ctx))
}

// Close ends the server and every connection at once.
func (s *Server) Close() error {
	err := s.stop()
	for _, c := range s.all(nil) {
		_ = c.Close()
	}
	return errors.Join(err, s.rest.Close())
}

// stop closes the listener.
func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.draining.Swap(true)
	s.settle()
	if !first || s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// all appends the connections that are open.
func (s *Server) all(conns []*conn) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(conns, s.conns...)
}

func (s *Server) logf(format string, args ...any) {
	if s.rest.ErrorLog != nil {
		s.rest.ErrorLog.Printf(format, args...)
		return
	}
	log.Printf(format, args...)
}
