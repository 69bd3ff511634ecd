package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// A peer that is there keeps its connection and its idle stream; one that answers no pings loses them.
func TestConnectionsOfVanishedPeersAreClosed(t *testing.T) {
	t.Parallel()
	s, address, _ := serveGRPC(t, grpcConfig{
		backend: open{}, held: newBudget(64 << 20), keepalive: keepalive.ServerParameters{Time: time.Second, Timeout: 100 * time.Millisecond},
	})
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	stream, err := inferencepb.NewGRPCInferenceServiceClient(conn).ModelStreamInfer(context.Background())
	require.NoError(t, err)
	ask := func() {
		t.Helper()
		require.NoError(t, stream.Send(&inferencepb.ModelInferRequest{}))
		answer, err := stream.Recv()
		require.NoError(t, err)
		require.NotEmpty(t, answer.GetErrorMessage(), "the request is empty")
	}
	ask()
	for range 3 {
		c := newStaller(t, address, nil)
		c.open(t, streamMethod)
		select {
		case <-c.closed:
		case <-time.After(patience):
			t.Fatal("the connection is still open")
		}
	}
	require.Eventually(t, func() bool { return s.arrivals.calls.Load() == 1 }, patience, time.Millisecond)
	ask()
}
