package gateway

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// locked lets those ask who say "secret".
type locked struct{ open }

func (locked) Authorized(token string) bool { return token == "secret" }

func (l locked) Operator(token string) bool { return l.Authorized(token) }

func (locked) Metadata(string, string) (oip.Metadata, error) {
	return oip.Metadata{}, oip.Errorf(oip.NotFound, "no model")
}

func (locked) Ready() bool { return true }

// heap is what is in use after all that is not has been freed.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools held on to
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Who may not ask is told so when the call begins, however large its message and whether or not it comes, and nothing of it is kept.
func TestNothingIsKeptOfWhoMayNotAsk(t *testing.T) { //nolint:paralleltest // it measures the heap
	s, address, _ := serveGRPC(t, grpcConfig{backend: locked{}, held: newBudget(256 << 20)})
	const calls, size = 100, 1 << 20
	ended := make(chan codes.Code, 5*calls)
	before := heap()
	c := newStaller(t, address, ended)
	for i := range calls {
		id := c.open(t, []string{inferMethod, streamMethod}[i%2])
		require.Equal(t, codes.Unauthenticated, <-ended, "before anything of the message was sent")
		c.message(t, id, size, size-64<<10)
	}
	c.open(t, checkMethod) // it is behind all that was sent
	require.Eventually(t, func() bool { _, waiting := s.arrivals.holds(); return waiting == 1 }, patience, time.Millisecond)
	require.Less(t, heap()-before, int64(16<<20), "of 94 MiB")
	held, _ := s.arrivals.holds()
	require.Zero(t, held)
	require.Equal(t, int64(1), s.arrivals.calls.Load())

	for _, more := range [][]string{
		{"authorization", "Bearer wrong"}, {"authorization", "Basic secret"},
		{"grpc-timeout", "99999999H"}, // gRPC keeps a timer for it until the call has ended
	} {
		c.open(t, streamMethod, more...)
		c.open(t, inferMethod, more...)
		require.Equal(t, []codes.Code{codes.Unauthenticated, codes.Unauthenticated}, []codes.Code{<-ended, <-ended}, more)
	}
	c.open(t, "/inference.GRPCInferenceService/Nothing")
	require.Equal(t, codes.Unimplemented, <-ended)
	require.Eventually(t, func() bool { return s.arrivals.calls.Load() == 1 }, patience, time.Millisecond)
	id := c.open(t, inferMethod, "authorization", "Bearer secret")
	c.message(t, id, 0, 0)
	require.NoError(t, c.framer.WriteData(id, true, nil))
	require.Equal(t, codes.InvalidArgument, <-ended, "an empty request, which was read")
}

// The status is the same wherever the token is checked, and who asks for health needs none.
func TestTokenOfCalls(t *testing.T) {
	t.Parallel()
	_, address, _ := serveGRPC(t, grpcConfig{backend: locked{}, held: newBudget(64 << 20)})
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	client, ctx := inferencepb.NewGRPCInferenceServiceClient(conn), context.Background()
	refused := func(err error, want string) {
		t.Helper()
		require.Equal(t, codes.Unauthenticated, status.Code(err))
		require.Equal(t, want, status.Convert(err).Message())
	}
	const token = "a bearer token is required: send the metadata authorization: Bearer <token>"
	timed, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, ctx := range []context.Context{ctx, timed} {
		_, err = client.ModelInfer(ctx, &inferencepb.ModelInferRequest{RawInputContents: [][]byte{make([]byte, 8<<20)}}) // more than is taken
		refused(err, token)
		stream, err := client.ModelStreamInfer(ctx)
		require.NoError(t, err)
		_, err = stream.Recv()
		refused(err, token)
	}
	_, err = client.RepositoryModelLoad(ctx, &inferencepb.RepositoryModelLoadRequest{})
	refused(err, "the operator's bearer token is required: send the header Authorization: Bearer <token>")
	_, err = client.ModelMetadata(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer secret"), &inferencepb.ModelMetadataRequest{})
	require.Equal(t, codes.NotFound, status.Code(err))

	_, err = client.ServerLive(ctx, &inferencepb.ServerLiveRequest{})
	require.NoError(t, err)
	_, err = client.ServerReady(ctx, &inferencepb.ServerReadyRequest{})
	require.NoError(t, err)
	_, err = client.ModelReady(ctx, &inferencepb.ModelReadyRequest{})
	require.Equal(t, codes.NotFound, status.Code(err))
	health := grpc_health_v1.NewHealthClient(conn)
	_, err = health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	watch, err := health.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	_, err = watch.Recv()
	require.NoError(t, err)
}
