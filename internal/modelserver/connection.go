package modelserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// errBroken says that a process closed its connection, or said on it what is not gRPC.
var errBroken = errors.New("it broke its connection")

// window is how much may be under way in a connection before the other side has
// read it, in bytes. Both sides share the machine, so there is nothing to measure.
const window = 16 << 20

// buffer is how much goes through the connection in one system call, in bytes.
const buffer = 256 << 10

// dial makes a client of one open connection, which is never opened again. closed
// is called once it is gone.
func dial(conn net.Conn, timeout time.Duration, closed func()) (*grpc.ClientConn, error) {
	var mu sync.Mutex
	only := conn
	take := func(context.Context, string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if only == nil {
			return nil, errBroken
		}
		c := &watched{Conn: only, closed: closed}
		only = nil
		return c, nil
	}
	cc, err := grpc.NewClient("passthrough:///model", grpc.WithContextDialer(take),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0), // an idle connection is not closed
		grpc.WithReadBufferSize(buffer), grpc.WithWriteBufferSize(buffer), grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		// A model is loaded before its process says the first word.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: timeout}),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the model's process: %w", err), conn.Close())
	}
	cc.Connect()
	return cc, nil
}

// watched tells when it is closed, which is what gRPC does with a connection that fails.
type watched struct {
	net.Conn
	once   sync.Once
	closed func()
}

func (w *watched) Close() error {
	err := w.Conn.Close()
	w.once.Do(w.closed)
	return err
}
