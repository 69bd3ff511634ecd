package gateway

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
)

func TestSizeOfInput(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(4*2+8+2*3+8*2+1+16*2+3), sizeOf(serving.Input{Tensors: []onnx.Tensor{
		{Floats: make([]float32, 2)}, {Doubles: make([]float64, 1)}, {Halves: make([]uint16, 3)}, {Ints: make([]int64, 2)}, {Bools: make([]bool, 1)},
		{Strings: []string{"ab", "c"}},
	}}))
	require.Equal(t, int64(8*3), sizeOf(serving.Input{Matrix: [][]float64{{1, 2}, {3}}}))
	require.Equal(t, int64(8), sizeOf(serving.Input{Rows: []map[string]any{{"a": 1.0}}}))
}

// However much arrives, requests hold no more than they may: what is above is
// refused with 503, a body that never ends included, and all is given back.
func TestHeldMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	w := newWorld(t)
	rt := slowRuntime{w.runtime, make(chan struct{}, 10), make(chan struct{})}
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) {
		c.Runtime, c.MaxHeld, c.Limits = rt, limit, serving.Limits{Running: 1, Waiting: 100}
	})
	g.await(t, "1.0.0", 0)
	row := rows(t, "test.csv")[0]
	client := g.inference(t)

	// A body that has arrived in part holds what has arrived.
	reader, writer := io.Pipe()
	slow := make(chan reply, 1)
	go func() {
		req, err := http.NewRequest(http.MethodPost, g.url+inferPath, reader)
		if err != nil {
			panic(err)
		}
		slow <- do(t, req)
	}()
	_, err := writer.Write([]byte(strings.Repeat(" ", limit/2)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return g.budget.held.Load() == limit/2 }, patience, 1e6)
	require.Equal(t, 503, g.send(t, inferPath, strings.Repeat(" ", limit/2+1)).status)
	refused := g.post(t, `{"input": "`+strings.Repeat("x", limit/2)+`"}`)
	require.Equal(t, 503, refused.status, refused.body)
	require.Equal(t, "1", refused.header.Get("Retry-After"))
	require.Contains(t, refused.body["error"], "hold as much memory")
	wide := &inferencepb.ModelInferRequest_InferInputTensor{Name: "age", Datatype: "FP32", Shape: []int64{limit / 4, 1}}
	_, err = client.ModelInfer(context.Background(), &inferencepb.ModelInferRequest{
		ModelName: model, Inputs: []*inferencepb.ModelInferRequest_InferInputTensor{wide}, RawInputContents: [][]byte{bytes.Repeat([]byte{0}, limit)},
	})
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)

	// What runs holds its tensors; what is small still fits.
	answered := make(chan reply, 1)
	go func() { answered <- g.post(t, map[string]any{"input": row}) }()
	<-rt.entered
	require.Greater(t, g.budget.held.Load(), int64(limit/2))
	close(rt.leave)
	require.Equal(t, 200, (<-answered).status)
	require.NoError(t, writer.Close())
	require.Equal(t, 400, (<-slow).status)
	require.Eventually(t, func() bool { return g.budget.held.Load() == 0 }, patience, 1e6)
	scrape := g.get(t, "/metrics").body["text"].(string)
	for _, line := range []string{"slipway_requests_refused_total 3", "slipway_request_bytes 0", "slipway_request_bytes_limit 65536"} {
		require.Contains(t, scrape, line)
	}
}

func TestBudgetRemembersTheMostAtOnce(t *testing.T) {
	t.Parallel()
	b := newBudget(1 << 10)
	require.Zero(t, b.most())
	admit := func() func() {
		t.Helper()
		leave, err := b.admit(serving.Input{Matrix: [][]float64{{1}}})
		require.NoError(t, err)
		return leave
	}
	first, second := admit(), admit()
	second()
	require.Equal(t, 2, b.most())
	require.Equal(t, 1, b.most(), "the first goes on")
	first()
	require.Equal(t, 1, b.most())
	require.Zero(t, b.most())
	admit()()
	require.Equal(t, 1, b.most())
	_, err := b.admit(serving.Input{Matrix: [][]float64{make([]float64, 1<<10)}})
	require.ErrorIs(t, err, errOverBudget)
	require.Zero(t, b.most(), "what is refused is not under way")
}
