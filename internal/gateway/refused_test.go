package gateway

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/slipway-ml/slipway/internal/serving"
)

// Requests that are turned away before they are read have a span in the trace of their caller all the same, that says
// why, and count among the model's refusals.
func TestRefusalsAreTraced(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	w := newWorld(t)
	rt := slowRuntime{w.runtime, make(chan struct{}, 10), make(chan struct{})}
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) {
		c.Traces, c.Runtime, c.MaxHeld, c.Limits = provider, rt, limit, serving.Limits{Running: 1, Waiting: 1}
	})
	g.await(t, "1.0.0", 0)
	row := rows(t, "test.csv")[0]
	refused := map[string]string{ // trace → the start of what is said
		"1af7651916cd43dd8448eb211c80319c": "too many requests are waiting",
		"2af7651916cd43dd8448eb211c80319c": errOverBudget.Error(),
	}
	send := func(trace, body string) reply {
		return g.send(t, inferPath, body, "traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	}
	answered := make(chan reply, 2)
	ask := func() { answered <- g.post(t, map[string]any{"input": row}) }
	go ask()
	<-rt.entered
	go ask()
	require.Eventually(t, func() bool {
		lease, err := g.pool.Acquire(stableKey(g.table.Routes()[model]))
		if err != nil {
			return false
		}
		defer lease.Release()
		return lease.Pending() == 1
	}, patience, 1e6)
	require.Equal(t, http.StatusServiceUnavailable, send("1af7651916cd43dd8448eb211c80319c", `{"inputs":[`).status, "it was not read")
	require.Equal(t, http.StatusServiceUnavailable, send("2af7651916cd43dd8448eb211c80319c", strings.Repeat(" ", limit+1)).status)
	require.Contains(t, g.get(t, "/metrics").body["text"], `nv_inference_request_failure{model="credit-risk",reason="REJECTED",version="1.0.0"} 1`)
	close(rt.leave)
	for range 2 {
		require.Equal(t, http.StatusOK, (<-answered).status)
	}

	for _, span := range exporter.GetSpans() {
		why, ok := refused[span.SpanContext.TraceID().String()]
		if !ok {
			continue
		}
		delete(refused, span.SpanContext.TraceID().String())
		require.Equal(t, spanPredict, span.Name)
		require.Equal(t, codes.Error, span.Status.Code)
		require.Contains(t, span.Status.Description, why)
		require.Contains(t, span.Attributes, attribute.String("slipway.failure", "REJECTED"))
		if why != errOverBudget.Error() {
			require.Contains(t, span.Attributes, attribute.String("slipway.model", model))
			require.Contains(t, span.Attributes, attribute.String("slipway.version", "1.0.0"))
		}
	}
	require.Empty(t, refused)
}
