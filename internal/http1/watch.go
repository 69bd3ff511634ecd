package http1

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Between two looks at all connections. A request that is answered sooner is never asked whether its client is there.
const (
	brisk = 25 * time.Millisecond // while requests are in hand
	calm  = time.Second
)

// watch is what the server's goroutine that looks after connections knows.
type watch struct {
	calm atomic.Bool   // no look within the next moments
	wake chan struct{} // ends it
	date atomic.Pointer[string]
}

func (w *watch) init() {
	w.wake = make(chan struct{}, 1)
	w.tick(time.Now())
}

// tick notes the time for the field Date.
func (w *watch) tick(now time.Time) {
	date := now.UTC().Format(http.TimeFormat)
	if last := w.date.Load(); last == nil || *last != date {
		w.date.Store(&date)
	}
}

// date is the time to the second, as the field Date has it.
func (s *Server) date() string { return *s.watch.date.Load() }

// stir says that a request begins.
func (s *Server) stir() {
	if s.watch.calm.Load() && s.watch.calm.CompareAndSwap(true, false) {
		select {
		case s.watch.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// look looks after the connections until ctx ends.
func (s *Server) look(ctx context.Context) {
	timer := time.NewTimer(calm)
	defer timer.Stop()
	for conns := []*conn{}; ; {
		select {
		case <-timer.C:
		case <-s.watch.wake:
		case <-ctx.Done():
			return
		}
		now, next := time.Now(), calm
		s.watch.tick(now)
		s.watch.calm.Store(true) // from here on who begins says so
		conns = s.all(conns[:0])
		for _, c := range conns {
			if s.check(c, now) {
				next = brisk
			}
		}
		if next == brisk {
			s.watch.calm.Store(false)
		}
		timer.Reset(next)
	}
}

// check sees to one connection. It says whether it is at a request.
func (s *Server) check(c *conn, now time.Time) bool {
	steps := c.steps.Load()
	if steps != c.seen {
		c.seen, c.since = steps, now
		return at(steps) != idle
	}
	over := func(limit time.Duration) bool { return limit > 0 && now.Sub(c.since) > limit }
	switch at(steps) {
	case idle:
		if over(s.rest.IdleTimeout) {
			c.interrupt(steps)
		}
		return false
	case heading:
		if over(s.rest.ReadHeaderTimeout) {
			c.interrupt(steps)
		}
	case receiving:
		if over(s.rest.ReadTimeout) {
			c.interrupt(steps)
		}
	case handling:
		if c.left() {
			c.gone()
		}
	case writing:
		if over(s.rest.WriteTimeout) {
			_ = c.SetWriteDeadline(time.Unix(1, 0))
		}
	}
	return true
}

// left says whether the client has closed the connection, or its half of it. What it sent before stands in front of that.
func (c *conn) left() (gone bool) {
	err := c.raw.Control(func(fd uintptr) {
		var next [1]byte
		n, _, err := unix.Recvfrom(int(fd), next[:], unix.MSG_PEEK|unix.MSG_DONTWAIT) //nolint:gosec // a file's number
		gone = n <= 0 && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return gone || err != nil
}
