package oip

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// gated is a backend whose inferences wait until they are let go, by their id. The id 0 fails.
type gated struct {
	Backend
	begun chan string
	ended chan string

	mu    sync.Mutex
	gates map[string]chan struct{}
}

func newGated() *gated {
	return &gated{begun: make(chan string, 1000), ended: make(chan string, 1000), gates: map[string]chan struct{}{}}
}

func (g *gated) gate(id string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gates[id] == nil {
		g.gates[id] = make(chan struct{})
	}
	return g.gates[id]
}

func (*gated) Authorized(string) bool { return true }

func (g *gated) Infer(ctx context.Context, r Request) (Response, error) {
	g.begun <- r.ID
	defer func() { g.ended <- r.ID }()
	select {
	case <-g.gate(r.ID):
	case <-ctx.Done():
		return Response{}, ctx.Err()
	}
	if r.ID == "0" {
		return Response{}, Errorf(Invalid, "no row fits")
	}
	return Response{Model: "m", Version: "1", Outputs: []onnx.Tensor{{Name: "y", Type: onnx.Float32, Shape: []int64{1}, Floats: []float32{1}}}}, nil
}

// streamTo opens a stream to a backend.
func streamTo(ctx context.Context, t *testing.T, b Backend) grpc.BidiStreamingClient[pb.ModelInferRequest, pb.ModelStreamInferResponse] {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1<<20), Codec())
	RegisterGRPC(server, b, Identity{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		server.Stop()
		require.NoError(t, <-served)
	})
	stream, err := pb.NewGRPCInferenceServiceClient(conn).ModelStreamInfer(ctx)
	require.NoError(t, err)
	return stream
}

func streamRequest(id int) *pb.ModelInferRequest {
	r := typed("FP32", &pb.InferTensorContents{Fp32Contents: []float32{1}}, 1)
	r.ModelName, r.Id = "m", strconv.Itoa(id)
	return r
}

// Several requests of a stream run at once, a bounded number of them, and whatever
// the order in which they end, their answers have that of the requests.
func TestStreamKeepsOrder(t *testing.T) {
	t.Parallel()
	g := newGated()
	stream := streamTo(t.Context(), t, g)
	const all = 3 * streamInFlight
	for id := range all {
		require.NoError(t, stream.Send(streamRequest(id)))
	}
	require.NoError(t, stream.CloseSend())
	begun := map[string]bool{}
	for range streamInFlight {
		begun[<-g.begun] = true
	}
	require.Len(t, begun, streamInFlight)
	for id := streamInFlight - 1; id > 0; id-- { // the last first
		require.True(t, begun[strconv.Itoa(id)], id)
		close(g.gate(strconv.Itoa(id)))
		require.Equal(t, strconv.Itoa(id), <-g.ended)
	}
	require.Empty(t, g.begun, "no more are read than may be in flight, as none was answered yet")
	close(g.gate("0"))
	for id := range all {
		if id >= streamInFlight {
			close(g.gate(strconv.Itoa(id)))
		}
		answer, err := stream.Recv()
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(id), answer.GetInferResponse().GetId())
		if id == 0 {
			require.Equal(t, "no row fits", answer.GetErrorMessage())
			continue
		}
		require.Empty(t, answer.GetErrorMessage())
		require.Len(t, answer.GetInferResponse().GetOutputs(), 1)
	}
	_, err := stream.Recv()
	require.ErrorIs(t, err, io.EOF)
}

// A client that goes away takes its requests along.
func TestStreamCancelled(t *testing.T) {
	t.Parallel()
	g := newGated()
	ctx, cancel := context.WithCancel(t.Context())
	stream := streamTo(ctx, t, g)
	const all = 5
	for id := range all {
		require.NoError(t, stream.Send(streamRequest(id)))
	}
	for range all {
		<-g.begun
	}
	cancel()
	for range all {
		<-g.ended
	}
	_, err := stream.Recv()
	require.Equal(t, codes.Canceled, status.Code(err))
}

// A message that is too large ends the stream.
func TestStreamOfATooLargeMessage(t *testing.T) {
	t.Parallel()
	g := newGated()
	stream := streamTo(t.Context(), t, g)
	require.NoError(t, stream.Send(streamRequest(1)))
	<-g.begun
	large := streamRequest(2)
	large.RawInputContents = [][]byte{make([]byte, 2<<20)}
	require.NoError(t, stream.Send(large))
	_, err := stream.Recv()
	require.Equal(t, codes.ResourceExhausted, status.Code(err), fmt.Sprint(err))
	<-g.ended // though nobody has let it go
}
