package gateway

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

// closedSoon waits until the other side has closed a connection.
func closedSoon(t testing.TB, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	for {
		if _, err := conn.Read(make([]byte, 1<<10)); err != nil {
			require.NotErrorIs(t, err, net.ErrClosed)
			var late net.Error
			require.False(t, errors.As(err, &late) && late.Timeout(), "the connection is still open")
			return
		}
	}
}

// Connections that are too many are closed at once; when one ends another may come.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	bounded := listener{l, &connections{most: 2}}
	t.Cleanup(func() { _ = l.Close() })
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := bounded.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	dial()
	first := <-accepted
	dial()
	<-accepted
	closedSoon(t, dial())
	require.NoError(t, first.Close())
	require.Error(t, first.Close(), "which counts once")
	dial()
	<-accepted
	closedSoon(t, dial())
	require.Empty(t, accepted)
}

func TestGRPCConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s, address, _ := serveGRPC(t, grpcConfig{backend: open{}, held: newBudget(64 << 20), connections: &connections{most: 2}})
	ended := make(chan codes.Code, 10)
	first := newStaller(t, address, ended)
	first.stall(t, streamMethod, 100, 10)
	newStaller(t, address, ended).stall(t, streamMethod, 100, 10)
	require.Eventually(t, func() bool { held, calls := s.arrivals.holds(); return held > 0 && calls == 2 }, patience, time.Millisecond)
	third, err := net.Dial("tcp", address)
	require.NoError(t, err)
	closedSoon(t, third)
	require.NoError(t, first.conn.Close())
	require.Eventually(t, func() bool { return s.arrivals.connections.open.Load() == 1 && s.arrivals.calls.Load() == 1 }, patience, time.Millisecond)
	newStaller(t, address, ended).stall(t, streamMethod, 100, 10)
	require.Eventually(t, func() bool { _, calls := s.arrivals.holds(); return calls == 2 }, patience, time.Millisecond)
}
