package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/serving"
)

// receiver is an OTLP receiver.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []*otlp.Span
}

func (r *receiver) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range in.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// trace are the spans of a trace by name.
func (r *receiver) trace(id string) map[string]*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]*otlp.Span{}
	for _, s := range r.spans {
		if hex.EncodeToString(s.GetTraceId()) == id {
			out[s.GetName()] = s
		}
	}
	return out
}

func attributes(s *otlp.Span) map[string]any {
	out := map[string]any{}
	for _, a := range s.GetAttributes() {
		if out[a.GetKey()] = a.GetValue().GetStringValue(); a.GetValue().GetStringValue() == "" {
			out[a.GetKey()] = a.GetValue().GetIntValue()
		}
	}
	return out
}

// A request's spans arrive at an OTLP receiver in the trace of its caller, by
// every way, and say which release answered and in which batch.
func TestSpansReachTheCollector(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	got, server := &receiver{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, got)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	exporter, err := otlptracegrpc.New(context.Background(), otlptracegrpc.WithEndpoint(l.Addr().String()), otlptracegrpc.WithInsecure())
	require.NoError(t, err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })

	w := newWorld(t)
	route := w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.Traces = provider })
	g.await(t, "1.0.0", 0)
	table := rows(t, "test.csv")
	const parent = "00f067aa0ba902b7"
	ids := map[string]string{
		"predict": "0af7651916cd43dd8448eb211c80319c", "REST": "1af7651916cd43dd8448eb211c80319c", "gRPC": "2af7651916cd43dd8448eb211c80319c",
		"failed": "3af7651916cd43dd8448eb211c80319c", "unsampled": "4af7651916cd43dd8448eb211c80319c",
	}
	header := func(name, flags string) string { return "00-" + ids[name] + "-" + parent + "-" + flags }
	require.Equal(t, 200, g.post(t, map[string]any{"input": table[:3]}, "traceparent", header("predict", "01"), "X-Request-Id", "r-1").status)
	require.Equal(t, 200, g.send(t, inferPath, text(t, wire(table[:2])), "traceparent", header("REST", "01")).status)
	_, err = g.inference(t).ModelInfer(metadata.AppendToOutgoingContext(context.Background(), "traceparent", header("gRPC", "01")),
		&inferencepb.ModelInferRequest{ModelName: model, Inputs: typedInputs(table[0])})
	require.NoError(t, err)
	require.Equal(t, 400, g.post(t, map[string]any{"input": map[string]any{"age": 1}}, "traceparent", header("failed", "01")).status)
	require.Equal(t, 200, g.post(t, map[string]any{"input": table[0]}, "traceparent", header("unsampled", "00")).status)
	require.NoError(t, provider.ForceFlush(context.Background()))

	for name, rows := range map[string]int64{"predict": 3, "REST": 2, "gRPC": 1} {
		spans := got.trace(ids[name])
		require.Len(t, spans, 3, name)
		whole, queue, compute := spans[spanPredict], spans[spanQueue], spans[spanCompute]
		require.Equal(t, parent, hex.EncodeToString(whole.GetParentSpanId()), name)
		require.Equal(t, otlp.Span_SPAN_KIND_SERVER, whole.GetKind())
		require.Equal(t, whole.GetSpanId(), queue.GetParentSpanId())
		require.Equal(t, whole.GetSpanId(), compute.GetParentSpanId())
		require.LessOrEqual(t, whole.GetStartTimeUnixNano(), queue.GetStartTimeUnixNano())
		require.Equal(t, queue.GetEndTimeUnixNano(), compute.GetStartTimeUnixNano())
		require.LessOrEqual(t, compute.GetEndTimeUnixNano(), whole.GetEndTimeUnixNano())
		about := attributes(whole)
		require.Equal(t, model+"/1.0.0", about["slipway.release"])
		require.Equal(t, route.StableDigest, about["slipway.digest"])
		require.Equal(t, rows, about["slipway.rows"])
		require.Equal(t, rows, attributes(compute)["slipway.batch.rows"])
		require.Contains(t, []any{"idle", "alone"}, attributes(compute)["slipway.batch.cut"])
	}
	require.Equal(t, "r-1", attributes(got.trace(ids["predict"])[spanPredict])["slipway.request_id"])
	failed := got.trace(ids["failed"])
	require.Len(t, failed, 1, "it never came to the model")
	require.Equal(t, otlp.Status_STATUS_CODE_ERROR, failed[spanPredict].GetStatus().GetCode())
	require.Empty(t, got.trace(ids["unsampled"]), "the caller's choice is kept")
}

// The steps of an ensemble are spans in that of its batch.
func TestSpansOfSteps(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	tracing := newTracing(provider, func() string { return "" })
	ctx, r := tracing.begin(t.Context(), "e")
	tracing.passed(ctx, serving.Passage{Arrived: at(1), Started: at(2), Ended: at(9), Steps: []serving.StepRun{
		{Name: "left", Model: "credit", Version: "1.1.0", Started: at(3), Ended: at(5)},
		{Name: "right", Model: "e.right", Version: "3", Started: at(3), Ended: at(6), Err: errors.New("division by zero")},
	}})
	r.done(serving.Key{}, "", 1, nil)
	spans := exporter.GetSpans()
	require.Len(t, spans, 5)
	compute, left, right := spans[1], spans[2], spans[3]
	require.Equal(t, []string{spanCompute, spanStep, spanStep}, []string{compute.Name, left.Name, right.Name})
	for _, step := range []tracetest.SpanStub{left, right} {
		require.Equal(t, compute.SpanContext.SpanID(), step.Parent.SpanID())
	}
	require.Equal(t, []time.Time{at(3), at(6)}, []time.Time{right.StartTime, right.EndTime})
	require.Equal(t, codes.Unset, left.Status.Code)
	require.Equal(t, codes.Error, right.Status.Code)
	require.Equal(t, []attribute.KeyValue{
		attribute.String("slipway.step", "left"), attribute.String("slipway.model", "credit"), attribute.String("slipway.version", "1.1.0"),
	}, left.Attributes)
}
