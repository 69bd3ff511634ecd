package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/telemetry"
)

// One request of so many is traced, model by model; those that their callers trace always are, unless traces are off.
func TestSampling(t *testing.T) {
	t.Parallel()
	s := newSampling()
	taken := func(model string, callers bool) (n int) {
		for range 12 {
			if s.now.Load().of(model).takes(callers) {
				n++
			}
		}
		return n
	}
	rate := func(v uint64) func(*oip.TraceOverride) { return func(o *oip.TraceOverride) { o.Rate = &v } }
	off := func(v bool) func(*oip.TraceOverride) { return func(o *oip.TraceOverride) { o.Off = &v } }
	require.Equal(t, 12, taken("a", false))
	s.change("", rate(4))
	require.Equal(t, 3, taken("a", false))
	require.Equal(t, 12, taken("a", true))
	s.change("a", rate(0))
	require.Equal(t, 0, taken("a", false))
	require.Equal(t, 12, taken("a", true))
	require.Equal(t, 3, taken("b", false))
	s.change("", off(true))
	require.Equal(t, 0, taken("a", true), "what a model has none of its own of is that of all")
	s.change("a", off(false))
	require.Equal(t, 12, taken("a", true))
	require.Equal(t, 0, taken("b", true))
	s.change("a", func(o *oip.TraceOverride) { *o = oip.TraceOverride{} })
	require.Equal(t, 0, taken("a", true))
	s.change("", func(o *oip.TraceOverride) { *o = oip.TraceOverride{} })
	require.Equal(t, 12, taken("a", false))
	require.Empty(t, s.now.Load().overrides)
}

// list sends a request that may have no body and returns what was answered.
func (r *running) setting(t testing.TB, path, body, token string) reply {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, req)
}

const operators = "the operator's own token"

// What is traced follows the settings, over REST and gRPC, for all models or one.
func TestTraceSettings(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.Traces, c.OperatorToken = provider, operators })
	g.await(t, "1.0.0", 0)
	row := map[string]any{"input": rows(t, "test.csv")[0]}
	spans := func(requests int, header ...string) (n int) {
		exporter.Reset()
		for range requests {
			require.Equal(t, http.StatusOK, g.post(t, row, header...).status)
		}
		for _, s := range exporter.GetSpans() {
			if s.Name == spanPredict {
				n++
			}
		}
		return n
	}
	const path, own = "/v2/trace/setting", "/v2/models/" + model + "/trace/setting"
	first := g.setting(t, path, "", "")
	require.Equal(t, map[string]any{"trace_level": []any{"TIMESTAMPS"}, "trace_rate": "1", "trace_count": "-1", "log_frequency": "0", "trace_file": "", "mode": "opentelemetry"}, first.body)
	require.Equal(t, 3, spans(3))

	require.Equal(t, http.StatusForbidden, g.setting(t, path, `{"trace_level":["OFF"]}`, "").status)
	require.Equal(t, 1, spans(1), "nothing has changed")
	set := g.setting(t, path, `{"trace_rate":"3","trace_level":["TIMESTAMPS"],"trace_file":""}`, operators)
	require.Equal(t, http.StatusOK, set.status, set.body)
	require.Equal(t, "3", set.body["trace_rate"])
	require.Equal(t, 2, spans(6))
	require.Equal(t, 4, spans(4, "traceparent", "00-1af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"), "callers have theirs traced")

	require.Equal(t, "0", g.setting(t, own, `{"trace_rate":0}`, operators).body["trace_rate"])
	require.Equal(t, "3", g.setting(t, path, "", "").body["trace_rate"])
	require.Equal(t, 0, spans(6), "a request that names no model means the only one")
	require.Equal(t, "3", g.setting(t, own, `{"trace_rate":null}`, operators).body["trace_rate"])
	require.Equal(t, http.StatusNotFound, g.setting(t, "/v2/models/nobody/trace/setting", `{"trace_rate":"1"}`, operators).status)
	require.Equal(t, http.StatusNotFound, g.setting(t, "/v2/models/nobody/trace/setting", "", "").status)

	for _, wrong := range []string{`{"trace_level":["TENSORS"]}`, `{"trace_level":["TIMESTAMPS","TENSORS"]}`, `{"trace_level":[]}x`, `{"trace_rate":"-1"}`, `{"trace_rate":"x"}`, `{"trace_rate":["1","2"]}`,
		`{"trace_rate":"2","trace_file":"/tmp/x"}`, `{"trace_count":"10"}`, `{"log_frequency":"5"}`, `{"mode":"triton"}`, `{"nothing":"1"}`, `{"trace_rate":{}}`, `{"trace_level":[1]}`, `[]`} {
		refused := g.setting(t, path, wrong, operators)
		require.Equal(t, http.StatusBadRequest, refused.status, wrong)
		require.NotEmpty(t, refused.body["error"])
	}
	require.Equal(t, "3", g.setting(t, path, "", "").body["trace_rate"], "what is refused changes nothing")

	client := g.inference(t)
	change := &inferencepb.TraceSettingRequest{ModelName: model, Settings: map[string]*inferencepb.TraceSettingRequest_SettingValue{"trace_level": {Value: []string{"OFF"}}}}
	_, err := client.TraceSetting(context.Background(), change)
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	got, err := client.TraceSetting(metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+operators), change)
	require.NoError(t, err)
	require.Equal(t, []string{"OFF"}, got.GetSettings()["trace_level"].GetValue())
	require.Equal(t, 0, spans(4, "traceparent", "00-1af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"))
	got, err = client.TraceSetting(context.Background(), &inferencepb.TraceSettingRequest{})
	require.NoError(t, err)
	require.Equal(t, []string{"TIMESTAMPS"}, got.GetSettings()["trace_level"].GetValue())
	require.Equal(t, http.StatusMethodNotAllowed, func() int {
		req, err := http.NewRequest(http.MethodDelete, g.url+path, nil)
		require.NoError(t, err)
		return do(t, req).status
	}())
}

// What the log takes follows the settings; a gateway whose traces or log can't be set does not say that they can.
func TestLogSettings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	levels := telemetry.NewLevels(slog.LevelInfo)
	logger := slog.New(levels.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))) // the gateway has another: this one is the test's
	w := newWorld(t)
	const token = "a token of those who ask"
	g := w.start(t, t.TempDir(), func(c *Config) { c.LogLevels, c.Token, c.OperatorToken = levels, token, operators })
	bare := w.start(t, t.TempDir(), nil)
	extensions := func(r *running) []any { return r.setting(t, "/v2", "", token).body["extensions"].([]any) }
	require.True(t, slices.Contains(extensions(g), any("logging")))
	require.False(t, slices.Contains(extensions(g), any("trace")))
	require.False(t, slices.Contains(extensions(bare), any("logging")))
	require.Equal(t, http.StatusNotImplemented, bare.setting(t, "/v2/logging", "", "").status)
	require.Equal(t, http.StatusNotImplemented, g.setting(t, "/v2/trace/setting", `{"trace_rate":"1"}`, operators).status)

	const path = "/v2/logging"
	require.Equal(t, http.StatusUnauthorized, g.setting(t, path, "", "").status)
	first := g.setting(t, path, "", token)
	require.Equal(t, map[string]any{"log_info": true, "log_warning": true, "log_error": true, "log_verbose_level": 0.0, "log_file": "", "log_format": "ISO8601"}, first.body)
	logger.Debug("hidden")
	require.Equal(t, http.StatusForbidden, g.setting(t, path, `{"log_info":false}`, token).status)
	require.Equal(t, http.StatusUnauthorized, g.setting(t, path, `{"log_info":false}`, "").status)
	set := g.setting(t, path, `{"log_verbose_level":1,"log_info":false,"log_format":"ISO8601"}`, operators)
	require.Equal(t, http.StatusOK, set.status, set.body)
	require.Equal(t, []any{1.0, false, true}, []any{set.body["log_verbose_level"], set.body["log_info"], set.body["log_warning"]})
	logger.Debug("shown")
	logger.Info("hidden")
	require.Contains(t, out.String(), "shown")
	require.NotContains(t, out.String(), "hidden")
	for _, wrong := range []string{`{"log_file":"/tmp/log"}`, `{"log_format":"default"}`, `{"log_info":"perhaps"}`, `{"log_info":null}`, `{"log_verbose_level":-1}`, `{"log_verbose_level":true}`, `{"log_level":1}`, `{`} {
		require.Equal(t, http.StatusBadRequest, g.setting(t, path, wrong, operators).status, wrong)
	}
	all, err := json.Marshal(first.body)
	require.NoError(t, err)
	require.Equal(t, first.body, g.setting(t, path, string(all), operators).body, "what a server tells can be sent back")

	client := g.inference(t)
	authorized := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+operators)
	got, err := client.LogSettings(authorized, &inferencepb.LogSettingsRequest{Settings: map[string]*inferencepb.LogSettingsRequest_SettingValue{
		"log_warning":       {ParameterChoice: &inferencepb.LogSettingsRequest_SettingValue_BoolParam{BoolParam: false}},
		"log_verbose_level": {ParameterChoice: &inferencepb.LogSettingsRequest_SettingValue_Uint32Param{Uint32Param: 2}},
	}})
	require.NoError(t, err)
	require.False(t, got.GetSettings()["log_warning"].GetBoolParam())
	require.Equal(t, uint32(1), got.GetSettings()["log_verbose_level"].GetUint32Param(), "the log has no more than one")
	require.Equal(t, telemetry.Severities{Debug: true, Info: true, Error: true}, levels.Severities())
	_, err = client.LogSettings(authorized, &inferencepb.LogSettingsRequest{Settings: map[string]*inferencepb.LogSettingsRequest_SettingValue{"log_info": {}}})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
}

// Without an operator's token settings are nobody's where a token is asked for.
func TestSettingsAreTheOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	levels := telemetry.NewLevels(slog.LevelInfo)
	g := w.start(t, t.TempDir(), func(c *Config) { c.LogLevels, c.Token = levels, "a token" })
	refused := g.setting(t, "/v2/logging", `{"log_info":false}`, "a token")
	require.Equal(t, http.StatusForbidden, refused.status)
	require.Contains(t, refused.body["error"], "operator")
	require.True(t, levels.Severities().Info)
}
