package gateway

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/slipway-ml/slipway/internal/canary"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/gateway/predlog"
	"github.com/slipway-ml/slipway/internal/monitor"
	"github.com/slipway-ml/slipway/internal/spec"
)

func TestFromNothingToProduction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.start(t, t.TempDir(), nil)
	row := rows(t, "test.csv")[0]

	require.Eventually(t, func() bool { return g.get(t, "/health").status == 200 }, patience, 5*time.Millisecond)
	none := g.post(t, map[string]any{"input": row})
	require.Equal(t, 503, none.status)
	require.Equal(t, "1", none.header.Get("Retry-After"))
	require.Contains(t, none.body["error"], "no model has been released yet")

	route := w.stage(t, "1.0.0")
	g.await(t, "1.0.0", 0)
	zero := g.post(t, map[string]any{"input": row})
	require.Equal(t, 503, zero.status)
	require.Contains(t, zero.body["error"], "no version of it is in production yet")
	route = w.shift(t, route, 1000)
	g.await(t, "1.0.0", 1000)
	first := g.post(t, map[string]any{"input": row})
	require.Equal(t, 200, first.status, first.body)
	require.Equal(t, "1.0.0", first.body["version"])
	require.Equal(t, "ok", first.body["status"])
	require.Contains(t, []any{0.0, 1.0}, first.body["prediction"])
	require.Len(t, first.body["probabilities"], 2)
	require.NotZero(t, first.body["latency_ms"])
	require.Equal(t, first.header.Get("X-Request-Id"), first.body["request_id"])

	w.promote(t, route)
	g.await(t, "1.0.0", 0)
	many := g.post(t, map[string]any{"model": model, "input": rows(t, "test.csv")[:3]}, "X-Request-Id", "abc-1")
	require.Equal(t, 200, many.status)
	require.Len(t, many.body["prediction"], 3)
	require.Len(t, many.body["probabilities"], 3)
	require.Equal(t, "abc-1", many.body["request_id"])

	health := g.get(t, "/health")
	require.Equal(t, 200, health.status)
	require.Equal(t, true, health.body["models"].(map[string]any)[model].(map[string]any)["healthy"])
	metrics := g.get(t, "/metrics").body["text"].(string)
	for _, line := range []string{
		`slipway_predictions_total{model="credit-risk",outcome="ok",version="1.0.0"} 2`,
		`slipway_route_weight{model="credit-risk",version="1.0.0"} 1`,
		`slipway_prediction_seconds_count{model="credit-risk",version="1.0.0"} 2`,
		`slipway_prediction_log_dropped_total 0`,
		`slipway_catalog_last_contact_timestamp_seconds 1.`,
	} {
		require.Contains(t, metrics, line)
	}
	require.Equal(t, 200, g.get(t, "/").status)
	require.Equal(t, 404, g.get(t, "/nothing").status)
	require.Equal(t, 405, g.get(t, "/predict").status)

	instances, err := w.Instances(context.Background(), "")
	require.NoError(t, err)
	require.Len(t, instances, 1)
	require.Equal(t, catalog.InstanceReady, instances[0].State)
	require.Equal(t, "cpu", instances[0].Device)
	require.NoError(t, g.stop())
	gateways, err := w.Gateways(context.Background(), time.Time{})
	require.NoError(t, err)
	require.Empty(t, gateways, "a gateway that stops says goodbye")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.Token, c.MaxBody, c.MaxRows = "s3cret", 4096, 3 })
	g.await(t, "1.0.0", 0)
	row := rows(t, "test.csv")[0]
	without := map[string]any{}
	for k, v := range row {
		if k != "age" {
			without[k] = v
		}
	}
	auth := []string{"Authorization", "Bearer s3cret"}
	tests := map[string]struct {
		body   any
		header []string
		status int
		text   string
	}{
		"good":             {body: map[string]any{"input": row}, header: auth, status: 200},
		"as a form":        {body: map[string]any{"input": row}, header: append([]string{"Content-Type", "application/x-www-form-urlencoded"}, auth...), status: 200},
		"no token":         {body: map[string]any{"input": row}, status: 401, text: "bearer token"},
		"wrong token":      {body: map[string]any{"input": row}, header: []string{"Authorization", "Bearer s3cre"}, status: 401},
		"basic":            {body: map[string]any{"input": row}, header: []string{"Authorization", "Basic s3cret"}, status: 401},
		"missing column":   {body: map[string]any{"input": without}, header: auth, status: 400, text: "age"},
		"matrix":           {body: map[string]any{"input": []float64{1, 2}}, header: auth, status: 400},
		"too many rows":    {body: map[string]any{"input": []any{map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}}}, header: auth, status: 400, text: "4 rows, at most 3"},
		"unknown model":    {body: map[string]any{"model": "x", "input": row}, header: auth, status: 404, text: `no such model: "x"`},
		"unknown field":    {body: `{"input": {}, "inputs": 1}`, header: auth, status: 400, text: `unknown field "inputs"`},
		"too large":        {body: `{"input": "` + strings.Repeat("a", 5000) + `"}`, header: auth, status: 413, text: "larger than 4096 bytes"},
		"not JSON":         {body: `input=1`, header: auth, status: 400, text: "not JSON"},
		"another language": {body: `<input/>`, header: append([]string{"Content-Type", "text/xml"}, auth...), status: 415, text: "application/json"},
		"compressed":       {body: `x`, header: append([]string{"Content-Encoding", "gzip"}, auth...), status: 415},
	}
	for name, tc := range tests {
		got := g.post(t, tc.body, tc.header...)
		require.Equal(t, tc.status, got.status, "%s: %v", name, got.body)
		if tc.status != 200 {
			require.Equal(t, "error", got.body["status"], name)
			require.Contains(t, got.body["error"], tc.text, name)
		}
	}
	require.NoError(t, g.stop())
	traffic, err := w.Traffic(context.Background(), model, "1.0.0", 0)
	require.NoError(t, err)
	ok, failed := int64(0), int64(0)
	for _, r := range traffic {
		ok, failed = ok+r.OK, failed+r.Errors
	}
	require.Equal(t, int64(2), ok)
	require.Zero(t, failed, "a client's mistakes are no errors of the model")
}

func TestTokenIsRequiredBeyondLoopback(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, err = New(Config{HTTP: l, MaxRows: -1})
	for _, text := range []string{"Token: required", "Catalog: required", "StateDir: required", "MaxRows: must not be negative"} {
		require.ErrorContains(t, err, text)
	}
}

// The candidate of the example that passes its tests and fails in service: its
// errors are the client's errors, counted for it and for nobody else.
func TestFailingCanary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.1.0"))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.1.0", 0)
	staged := w.stage(t, "1.3.0")
	route := w.shift(t, staged, 500)
	g.await(t, "1.3.0", 500)
	seen := map[string]map[int]int64{"1.1.0": {}, "1.3.0": {}}
	live := rows(t, "live.csv")
	for i := range 600 {
		got := g.post(t, map[string]any{"input": live[i%len(live)]})
		seen[got.body["version"].(string)][got.status]++
		if got.status != 200 {
			require.Equal(t, 500, got.status)
			require.Equal(t, "1.3.0", got.body["version"])
		}
	}
	require.InDelta(t, 300, seen["1.3.0"][200]+seen["1.3.0"][500], 75, "half of the requests")
	require.NotZero(t, seen["1.3.0"][500], "the example fails for some rows")
	cleared, err := w.ClearCanary(context.Background(), model, "r-1.3.0", mark("clear"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return g.table.Routes()[model].Rev == cleared.Rev }, patience, time.Millisecond)
	for i := range 100 {
		require.Equal(t, 200, g.post(t, map[string]any{"input": live[i]}).status, "none of it once it is rolled back")
	}
	require.NoError(t, g.stop())

	arms := map[string]canary.ArmStats{}
	for _, version := range []string{"1.1.0", "1.3.0"} {
		stored, err := w.Traffic(context.Background(), model, version, route.Rev)
		require.NoError(t, err)
		var rows []canary.Traffic
		for _, r := range stored {
			rows = append(rows, canary.Traffic{OK: r.OK, Errors: r.Errors, Sketch: r.Sketch})
		}
		arms[version], err = canary.MergeTraffic(version, rows)
		require.NoError(t, err)
	}
	require.Equal(t, seen["1.3.0"][500], arms["1.3.0"].Errors)
	require.Equal(t, seen["1.3.0"][200]+seen["1.3.0"][500], arms["1.3.0"].Requests)
	require.Equal(t, seen["1.1.0"][200]+100, arms["1.1.0"].Requests)
	require.Zero(t, arms["1.1.0"].Errors)
}

func TestStickySubjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), nil)
	route := w.shift(t, w.stage(t, "1.1.0"), 300)
	g.await(t, "1.1.0", 300)
	row := rows(t, "test.csv")[0]
	before := map[string]string{}
	for i := range 60 {
		subject := fmt.Sprint("customer-", i)
		got := g.post(t, map[string]any{"input": row, "subject": subject})
		before[subject] = got.body["version"].(string)
		again := g.post(t, map[string]any{"input": row}, HeaderSubject, subject)
		require.Equal(t, before[subject], again.body["version"], "header and field mean the same")
	}
	w.shift(t, route, 600)
	g.await(t, "1.1.0", 600)
	for subject, version := range before {
		got := g.post(t, map[string]any{"input": row, "subject": subject}).body["version"]
		if version == "1.1.0" {
			require.Equal(t, version, got, "who is on the canary stays there")
		}
	}
}

func TestServesOnWithoutCatalogAndBlobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	state := t.TempDir()
	w.promote(t, w.stage(t, "1.0.0"))
	w.promote(t, w.stage(t, "1.1.0"))
	g := w.start(t, state, func(c *Config) { c.DrainTimeout = 200 * time.Millisecond })
	g.await(t, "1.1.0", 0)
	row := rows(t, "test.csv")[0]
	require.Equal(t, 200, g.post(t, map[string]any{"input": row}).status)
	require.Eventually(t, func() bool { return g.ready("1.0.0") }, patience, time.Millisecond, "the version before is kept warm")

	w.catalogDown.Store(true)
	w.blobsDown.Store(true)
	require.Eventually(t, func() bool {
		return strings.Contains(g.get(t, "/metrics").body["text"].(string), "slipway_traffic_flush_failing 1") || g.post(t, map[string]any{"input": row}).status != 200
	}, patience, time.Millisecond)
	require.Equal(t, 200, g.post(t, map[string]any{"input": row}).status)
	require.Equal(t, 200, g.get(t, "/health").status)
	require.Error(t, g.stop(), "what could not be delivered is said")

	again := w.start(t, state, func(c *Config) { c.DrainTimeout = 5 * time.Second })
	again.await(t, "1.1.0", 0)
	require.Equal(t, 200, again.post(t, map[string]any{"input": row}).status, "a restart needs neither")
	require.Equal(t, 200, again.get(t, "/health").status)
	w.catalogDown.Store(false)
	w.blobsDown.Store(false)
	require.Eventually(t, func() bool {
		traffic, err := w.Traffic(context.Background(), model, "1.1.0", 0)
		require.NoError(t, err)
		for _, r := range traffic {
			if r.Gateway == again.ID() && r.OK == 1 {
				return true
			}
		}
		return false
	}, patience, 5*time.Millisecond, "what was counted meanwhile is delivered")
}

func TestPredictionLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.Sensitive = map[string][]string{"*": {"age"}} })
	g.await(t, "1.0.0", 0)
	sent := rows(t, "test.csv")
	for i := range 40 {
		sent[i]["name"] = "Somebody"
		require.Equal(t, 200, g.post(t, map[string]any{"input": sent[i], "subject": "s"}).status)
	}
	require.NoError(t, g.stop())
	until := time.Now().Add(time.Second)
	segments, err := w.Segments(context.Background(), model, "1.0.0", until, 0)
	require.NoError(t, err)
	window, err := predlog.Read(context.Background(), w.store, segments, until, 1000)
	require.NoError(t, err)
	require.Equal(t, 40, window.Rows())
	require.Zero(t, window.Errors())
	require.Len(t, window.Features, len(sent[0])-3, "all columns but name, age and sex")
	for _, gone := range []string{"name", "age", "sex"} {
		require.NotContains(t, window.Features, gone)
	}
	for name, column := range window.Features {
		for i := range 40 {
			if column.Strings != nil {
				require.Equal(t, sent[i][name], column.Strings[i])
			} else {
				require.Equal(t, sent[i][name], column.Numbers[i])
			}
		}
	}
}

// What was logged is what the monitor compares: quiet on rows of the same
// kind, loud when the amounts treble.
func TestMonitorReadsThePredictionLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	reference := map[string]monitor.Column{}
	for _, row := range rows(t, "train.csv") {
		for name, v := range row {
			c := reference[name]
			switch v := v.(type) {
			case float64:
				c.Numbers = append(c.Numbers, v)
			case string:
				c.Strings = append(c.Strings, v)
			}
			reference[name] = c
		}
	}
	cfg := spec.Monitor{MinSamples: 100, KSAlpha: 0.01, PSILimit: 0.2, PSIBins: 10}
	check := func() monitor.Result {
		until := time.Now().Add(time.Second)
		segments, err := w.Segments(context.Background(), model, "1.0.0", until, 150)
		require.NoError(t, err)
		window, err := predlog.Read(context.Background(), w.store, segments, until, 150)
		require.NoError(t, err)
		got, err := monitor.Check(reference, window.Features, cfg)
		require.NoError(t, err)
		return got
	}
	sent := rows(t, "test.csv")[:150]
	require.Equal(t, 200, g.post(t, map[string]any{"input": sent}).status)
	var quiet monitor.Result
	require.Eventually(t, func() bool { quiet = check(); return quiet.Samples == 150 }, patience, 10*time.Millisecond)
	require.Equal(t, contract.MonitorOK, quiet.State, quiet.Summary)
	require.Contains(t, quiet.Skipped, "sex")
	for i := range sent {
		sent[i]["credit_amount"] = 3 * sent[i]["credit_amount"].(float64)
	}
	require.Equal(t, 200, g.post(t, map[string]any{"input": sent}).status)
	require.Eventually(t, func() bool { return check().State == contract.MonitorDrift }, patience, 10*time.Millisecond)
	require.Equal(t, []string{"credit_amount"}, check().Drifted)
}

func TestGRPCHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), nil)
	conn, err := grpc.NewClient(g.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	client := grpc_health_v1.NewHealthClient(conn)
	for _, service := range []string{"", model} {
		require.Eventually(t, func() bool {
			got, err := client.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{Service: service})
			return err == nil && got.Status == grpc_health_v1.HealthCheckResponse_SERVING
		}, patience, 5*time.Millisecond, service)
	}
	watch, err := client.Watch(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	_, err = watch.Recv()
	require.NoError(t, err)
	require.NoError(t, g.stop(), "a watcher does not hold up the stop")
}
