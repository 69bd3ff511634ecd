package http1

import (
	"net"
	"sync"
)

// passed hands connections to net/http, as their listener.
type passed struct {
	addr  net.Addr
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func newPassed() *passed { return &passed{conns: make(chan net.Conn), ended: make(chan struct{})} }

// give returns when net/http has the connection, or is closed.
func (p *passed) give(c net.Conn) {
	select {
	case p.conns <- c:
	case <-p.ended:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (p *passed) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *passed) Close() error {
	p.once.Do(func() { close(p.ended) })
	return nil
}

// Addr implements net.Listener.
func (p *passed) Addr() net.Addr { return p.addr }

// resumed is a connection some of whose bytes have been read already.
type resumed struct {
	Conn
	ahead []byte
}

// Read implements net.Conn.
func (r *resumed) Read(p []byte) (int, error) {
	if len(r.ahead) == 0 || len(p) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.ahead)
	if r.ahead = r.ahead[n:]; len(r.ahead) == 0 {
		r.ahead = nil // with it goes what was kept for the connection
	}
	return n, nil
}
