package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/slipway-ml/slipway/internal/serving"
)

// Names of spans. Part of the API, like the attributes.
const (
	spanPredict = "predict" // a request, from its tensors or rows to the answer; of one that is refused before it is read, the refusal
	spanQueue   = "queue"   // from its arrival at the model to the start of its batch
	spanCompute = "compute" // its batch
	spanStep    = "step"    // one step of an ensemble, in its batch
)

// tracing makes spans of requests; nil makes none.
type tracing struct {
	tracer   trace.Tracer
	w3c      propagation.TraceContext
	sampling *sampling
	only     func() string // the model that requests mean which name none
}

func newTracing(p trace.TracerProvider, only func() string) *tracing {
	if p == nil {
		return nil
	}
	return &tracing{tracer: p.Tracer("github.com/slipway-ml/slipway/internal/gateway"), sampling: newSampling(), only: only}
}

// hook is told of each request's way through its model; nil if nothing is traced.
func (t *tracing) hook() func(context.Context, serving.Passage) {
	if t == nil {
		return nil
	}
	return t.passed
}

// headers takes up the caller's trace from a request's headers.
func (t *tracing) headers(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(t.w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))))
	})
}

// carrier reads gRPC metadata.
type carrier metadata.MD

func (c carrier) Get(key string) string {
	if v := metadata.MD(c).Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (c carrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

func (c carrier) Keys() []string {
	out := make([]string, 0, len(c))
	for k := range c {
		out = append(out, k)
	}
	return out
}

// begin starts the span of a request for a model; end it with done. The caller's trace is
// that of the headers or of gRPC's metadata. A request that the settings leave out has none.
func (t *tracing) begin(ctx context.Context, model string) (context.Context, request) {
	if t == nil {
		return ctx, request{}
	}
	if m, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = t.w3c.Extract(ctx, carrier(m))
	}
	now := t.sampling.now.Load()
	if model == "" && len(now.models) > 0 {
		model = t.only()
	}
	if !now.of(model).takes(trace.SpanContextFromContext(ctx).IsValid()) {
		return ctx, request{}
	}
	ctx, span := t.tracer.Start(ctx, spanPredict, trace.WithSpanKind(trace.SpanKindServer))
	return ctx, request{span}
}

// request is the span of a request; the zero one is none.
type request struct{ span trace.Span }

// done ends it: which version answered, how many rows, and what went wrong.
func (r request) done(key serving.Key, id string, rows int, err error) {
	if r.span == nil {
		return
	}
	r.span.SetAttributes(
		attribute.String("slipway.model", key.Model), attribute.String("slipway.version", key.Version), attribute.String("slipway.digest", key.Digest),
		attribute.String("slipway.release", key.String()), attribute.String("slipway.request_id", id), attribute.Int("slipway.rows", rows),
	)
	r.end(err)
}

func (r request) end(err error) {
	if err != nil {
		r.span.SetAttributes(attribute.String("slipway.failure", string(reasonOf(err))))
		r.span.SetStatus(codes.Error, clipError(err))
	}
	r.span.End()
}

// reasonOf is why a request failed, in the words of the metrics.
func reasonOf(err error) serving.Failure {
	if errors.Is(err, errOverBudget) {
		return serving.FailureRejected
	}
	return serving.FailureOf(err)
}

// refused makes the span of a request that was turned away before it was read. It has no id and no rows, and
// where its body was too much, no model either.
func (t *tracing) refused(ctx context.Context, model, version string, err error) {
	if t == nil {
		return
	}
	_, r := t.begin(ctx, model)
	if r.span == nil {
		return
	}
	for name, value := range map[string]string{"slipway.model": model, "slipway.version": version} {
		if value != "" {
			r.span.SetAttributes(attribute.String(name, value))
		}
	}
	r.end(err)
}

// passed makes the spans of a request's way through its model.
func (t *tracing) passed(ctx context.Context, p serving.Passage) {
	own := trace.SpanFromContext(ctx)
	if !own.IsRecording() {
		return
	}
	if p.Cached != "" {
		own.SetAttributes(attribute.String("slipway.cached", string(p.Cached)))
		return
	}
	span := func(ctx context.Context, name string, from, to time.Time, err error, attributes ...attribute.KeyValue) context.Context {
		ctx, s := t.tracer.Start(ctx, name, trace.WithTimestamp(from), trace.WithAttributes(attributes...))
		if err != nil {
			s.SetStatus(codes.Error, clipError(err))
		}
		s.End(trace.WithTimestamp(to))
		return ctx
	}
	if p.Started.IsZero() { // it left before its turn
		span(ctx, spanQueue, p.Arrived, p.Ended, nil)
		return
	}
	span(ctx, spanQueue, p.Arrived, p.Started, nil)
	compute := span(ctx, spanCompute, p.Started, p.Ended, nil,
		attribute.Int64("slipway.batch.rows", p.Batch.Rows), attribute.Int("slipway.batch.requests", p.Batch.Requests), attribute.String("slipway.batch.cut", string(p.Batch.Cut)))
	for _, s := range p.Steps {
		span(compute, spanStep, s.Started, s.Ended, s.Err,
			attribute.String("slipway.step", s.Name), attribute.String("slipway.model", s.Model), attribute.String("slipway.version", s.Version))
	}
}
