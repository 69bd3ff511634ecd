package gateway

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/internal/http1"
)

// maxConnections is how many clients may be connected to each port: a gRPC connection takes about 80 KiB when nothing comes over it.
const maxConnections = 10_000

// connections counts the connections of a port.
type connections struct {
	most int64
	open atomic.Int64
}

// newConnections leaves most of the files that the process may open to others than clients.
func newConnections() *connections {
	c := &connections{most: maxConnections}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		c.most = max(1, min(c.most, int64(min(files.Cur, 1<<30))/4)) //nolint:gosec // bounded
	}
	return c
}

// take counts a connection; false if there are as many as there may be.
func (c *connections) take() bool {
	if c.open.Add(1) <= c.most {
		return true
	}
	c.open.Add(-1)
	return false
}

func (c *connections) give() { c.open.Add(-1) }

// listener closes the connections that are too many as soon as they are made: who waited in line would not know why.
type listener struct {
	net.Listener
	connections *connections
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		socket, ok := conn.(http1.Conn)
		if !ok {
			return nil, errors.Join(fmt.Errorf("%s: a connection is a %T, which is no socket", l.Addr(), conn), conn.Close())
		}
		if l.connections.take() {
			return &countedConn{Conn: socket, connections: l.connections}, nil
		}
		_ = conn.Close()
	}
}

// countedConn counts until it is closed.
type countedConn struct {
	http1.Conn
	connections *connections
	once        sync.Once
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.once.Do(c.connections.give)
	return c.Conn.Close()
}
