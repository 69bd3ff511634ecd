package telemetry_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/slipway-ml/slipway/internal/telemetry"
)

// The environment is the process's: this test runs alone.
func TestTracesFollowTheEnvironment(t *testing.T) {
	p, err := telemetry.Traces(t.Context(), "slipway-test", "1")
	require.NoError(t, err)
	require.Nil(t, p, "nowhere to send to")

	var mu sync.Mutex
	var got []*collector.ExportTraceServiceRequest
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(body)
		}
		b, _ := io.ReadAll(body)
		var in collector.ExportTraceServiceRequest
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/v1/traces" && proto.Unmarshal(b, &in) == nil {
			got = append(got, &in)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	p, err = telemetry.Traces(t.Context(), "slipway-test", "1.2.3")
	require.NoError(t, err)
	_, span := p.Tracer("test").Start(t.Context(), "something")
	span.End()
	require.NoError(t, p.Shutdown(context.Background()))
	require.Len(t, got, 1)
	resource := map[string]string{}
	for _, a := range got[0].GetResourceSpans()[0].GetResource().GetAttributes() {
		resource[a.GetKey()] = a.GetValue().GetStringValue()
	}
	require.Equal(t, "slipway-test", resource["service.name"])
	require.Equal(t, "1.2.3", resource["service.version"])
	require.Equal(t, "test", resource["deployment.environment"])
	require.Equal(t, "something", got[0].GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName())

	for name, c := range map[string]struct {
		variable, value, refusal string
	}{
		"disabled":         {"OTEL_SDK_DISABLED", "true", ""},
		"none":             {"OTEL_TRACES_EXPORTER", "none", ""},
		"another exporter": {"OTEL_TRACES_EXPORTER", "zipkin", "want otlp or none"},
		"another protocol": {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "want grpc or http/protobuf"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			p, err := telemetry.Traces(t.Context(), "slipway-test", "1")
			require.Nil(t, p)
			if c.refusal != "" {
				require.ErrorContains(t, err, c.refusal)
				return
			}
			require.NoError(t, err)
		})
	}
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	p, err = telemetry.Traces(t.Context(), "slipway-test", "1")
	require.NoError(t, err)
	require.NotNil(t, p)
	require.NoError(t, p.Shutdown(context.Background()))
}
