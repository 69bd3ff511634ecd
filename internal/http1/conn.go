package http1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a connection of a socket.
type Conn interface {
	net.Conn
	syscall.Conn
	// CloseWrite tells the other side that nothing follows.
	CloseWrite() error
}

// phase is what a connection is at.
type phase uint64

const (
	idle      phase = iota // between two requests
	heading                // a head arrives, or the first byte of all
	receiving              // somebody waits for the rest of a body
	handling               // nobody waits for the client
	writing                // an answer goes out
	phases
)

// conn is a client's connection.
type conn struct {
	Conn
	server *Server
	remote string
	raw    syscall.RawConn
	ctx    context.Context // ends when the client goes away
	gone   context.CancelFunc
	answer response
	used   bool // a request was answered

	buf  []byte // maxHead of them
	r, w int    // what of buf has arrived and nobody has read

	// steps counts the phases that the connection went through, times phases, plus the one it is at. stopped is the
	// steps whose reads were to end.
	steps, stopped atomic.Uint64
	seen           uint64 // steps, when the watch came by last
	since          time.Time
	place          int // in the server's list
}

// at is the phase of steps.
func at(steps uint64) phase { return phase(steps % uint64(phases)) }

// enter begins a phase.
func (c *conn) enter(p phase) {
	if now := c.steps.Load(); at(now) != p {
		c.steps.Store((now/uint64(phases)+1)*uint64(phases) + uint64(p))
	}
}

// interrupt ends the reads of a connection, if it is still at what it was then.
func (c *conn) interrupt(steps uint64) {
	c.stopped.Store(steps)
	_ = c.SetReadDeadline(time.Unix(1, 0))
}

// serve answers requests until the connection ends or goes to net/http.
func (c *conn) serve() {
	defer c.gone()
	for {
		text, err := c.head()
		if err != nil {
			break
		}
		h, ok := head{}, false
		if text != nil {
			h, ok = parseHead(string(text))
		}
		if !ok {
			c.server.pass(c)
			return
		}
		c.r += len(text)
		if !c.exchange(h) {
			break
		}
		c.used = true
	}
	c.server.forget(c)
	_ = c.Close()
}

// head waits for the head of a request. Nil: what there is has no end within maxHead bytes, or ended before it.
func (c *conn) head() ([]byte, error) {
	copy(c.buf, c.buf[c.r:c.w])
	c.r, c.w = 0, c.w-c.r
	if c.w == 0 && c.used {
		c.enter(idle)
		if c.server.draining.Load() {
			return nil, net.ErrClosed
		}
	}
	for from := 0; ; {
		if c.w > 0 {
			c.enter(heading)
		}
		if c.used { // some send an empty line after a body: RFC 9112, section 2.2
			c.w = copy(c.buf, bytes.TrimLeft(c.buf[:c.w], "\r\n"))
			from = min(from, c.w)
		}
		if i := bytes.Index(c.buf[from:c.w], []byte("\r\n\r\n")); i >= 0 {
			return c.buf[:from+i+4], nil
		}
		if c.w == len(c.buf) {
			return nil, nil
		}
		from = max(0, c.w-3)
		n, err := c.read(c.buf[c.w:])
		c.w += n
		switch {
		case n > 0:
		case err == io.EOF && c.w > 0: //nolint:errorlint // as a connection says it
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
}

// take reads what has arrived of a body, or waits for it.
func (c *conn) take(p []byte) (int, error) {
	if c.r < c.w {
		n := copy(p, c.buf[c.r:c.w])
		c.r += n
		return n, nil
	}
	c.enter(receiving)
	return c.read(p)
}

// skip leaves out at most n bytes of a body that have arrived, or the next ones that do.
func (c *conn) skip(n int64) (int64, error) {
	var err error
	if c.r == c.w {
		c.enter(receiving)
		c.r = 0
		c.w, err = c.read(c.buf)
	}
	n = min(n, int64(c.w-c.r))
	c.r += int(n)
	return n, err
}

// read reads from the socket. A deadline that was set for what the connection was at before counts for nothing.
func (c *conn) read(p []byte) (int, error) {
	for {
		n, err := c.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.stopped.Load() == c.steps.Load() {
			return n, err
		}
		if err := c.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
	}
}

// exchange has a request answered. False: the connection is at its end.
func (c *conn) exchange(h head) bool {
	c.enter(handling)
	c.server.stir()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	r := (&http.Request{
		Method: h.method, URL: &url.URL{Path: h.path}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h.header, ContentLength: h.length, Body: http.NoBody, Host: h.host, RemoteAddr: c.remote, RequestURI: h.path,
	}).WithContext(ctx)
	c.answer.begin(c, nil)
	if h.length > 0 {
		b := &body{conn: c, left: h.length}
		r.Body, c.answer.request = b, b
	}
	return c.handle(r) && c.answer.end()
}

// handle runs the handler. False: it broke off.
func (c *conn) handle(r *http.Request) (done bool) {
	defer func() {
		if done {
			return
		}
		c.answer.abort()
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			c.server.logf("http: panic serving %s: %v\n%s", c.remote, p, debug.Stack())
		}
	}()
	c.server.rest.Handler.ServeHTTP(&c.answer, r)
	return true
}

// linger lets the client read the answer to a request that was not read to its end: a socket that is closed with
// bytes unread takes back what it sent.
func (c *conn) linger() {
	if c.CloseWrite() != nil || c.SetReadDeadline(time.Now().Add(lingering)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.Conn, maxLingered)
}

// kept is room for the next answer: what it was for the last, unless that was large.
func (c *conn) kept(b []byte) []byte {
	if cap(b) > maxHead {
		return nil
	}
	return b[:0]
}

const (
	lingering   = 500 * time.Millisecond // as net/http waits
	maxLingered = 16 << 20               // bytes
	maxDrained  = 256 << 10              // bytes of a body that are read so that the connection can be kept; as net/http has it
)
