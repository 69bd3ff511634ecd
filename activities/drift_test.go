package activities_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/gateway/predlog"
	"github.com/slipway-ml/slipway/internal/monitor"
	"github.com/slipway-ml/slipway/internal/spec"
)

// windowEnd is the nominal end of the windows of these tests.
var windowEnd = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// predict logs rows of the test table as a gateway does, one a second up to the end of the window.
func (b *bench) predict(data spec.Data, gateway string, change func(row map[string]any)) {
	b.t.Helper()
	log, err := predlog.New(predlog.Config{Gateway: gateway, Blobs: b.store, Ledger: b.catalog, Rows: 64, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b.t, err)
	rows, err := csv.NewReader(bytes.NewReader(b.content(data.Test))).ReadAll()
	require.NoError(b.t, err)
	layout := &predlog.Layout{Model: model, Version: "1.1.0", Sensitive: data.Sensitive}
	for _, column := range rows[0] {
		if column != data.Label && !slices.Contains(data.Exclude, column) {
			layout.Columns = append(layout.Columns, column)
		}
	}
	for i, row := range rows[1:] {
		features := map[string]any{}
		for j, column := range rows[0] {
			features[column] = row[j]
			if number, err := strconv.ParseFloat(row[j], 64); err == nil {
				features[column] = number
			}
		}
		change(features)
		r := predlog.Request{
			Layout: layout, Time: windowEnd.Add(-time.Duration(len(rows)-i) * time.Second), ID: gateway + strconv.Itoa(i),
			Rows: []map[string]any{features}, Predictions: []feature.Prediction{{LabelText: "good"}}, LatencyMS: 3,
		}
		if i == 0 {
			r.Predictions, r.Error = nil, "model failed"
		}
		log.Add(&r)
	}
	done, cancel := context.WithCancel(b.t.Context())
	cancel()
	require.NoError(b.t, log.Run(done, patience))
	require.Zero(b.t, log.Dropped())
}

func (b *bench) window(data spec.Data) contract.CheckWindowInput {
	return contract.CheckWindowInput{End: windowEnd, MonitorInput: contract.MonitorInput{
		Model: model, Version: "1.1.0", Digest: digestOf("1.1.0"), Data: data,
		Monitor: spec.Monitor{Window: 1000, MinSamples: 100, KSAlpha: 0.05, PSILimit: 0.2, PSIBins: 10},
	}}
}

func TestCheckWindow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(map[string]any)
		state   string
		drifted []string
	}{
		"as trained": {func(map[string]any) {}, contract.MonitorOK, nil},
		"number": {func(row map[string]any) {
			row["credit_amount"] = row["credit_amount"].(float64) * 4
		}, contract.MonitorDrift, []string{"credit_amount"}},
		"text": {func(row map[string]any) { row["housing"] = "free" }, contract.MonitorDrift, []string{"housing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			data := b.release("1.1.0").Data
			b.predict(data, "gw-a", c.change)
			found := twice[contract.MonitorStatus](b, contract.ActivityMonitorWindow, b.window(data))
			require.Equal(t, c.state, found.State, found.Summary)
			require.Equal(t, c.drifted, found.Drifted, found.Summary)
			require.Equal(t, 200, found.Samples)

			var report monitor.Report
			require.NoError(t, json.Unmarshal(b.stored(found.Report.Digest), &report))
			for _, f := range report.Result.Features {
				require.NotContains(t, data.Sensitive, f.Name, "personal data is not watched")
				require.NotEqual(t, data.Label, f.Name)
			}
			require.NotContains(t, report.Result.Skipped, "age", "what is never logged is not missed")
			require.Equal(t, 1, report.Service.Errors)
			require.NotEmpty(t, b.stored(found.Report.Page))
			kept, err := b.catalog.MonitorReports(t.Context(), model, 0)
			require.NoError(t, err)
			require.Len(t, kept, 1)
			require.Equal(t, c.state, kept[0].State)
			require.Equal(t, found.Report.Digest, kept[0].Report)
			require.Len(t, b.events(), 1)
			require.Equal(t, catalog.ActionMonitorChecked, b.last().Action)
			require.NotEmpty(t, b.progress())
		})
	}
}

// Predictions after the window's end, and of other versions, are not looked at.
func TestCheckWindowWithTooFewPredictions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	in := b.window(data)
	empty := twice[contract.MonitorStatus](b, contract.ActivityMonitorWindow, in)
	require.Equal(t, contract.MonitorTooFew, empty.State)
	require.Zero(t, empty.Samples)

	b.predict(data, "gw-a", func(map[string]any) {})
	other := in
	other.Version = "1.0.0"
	require.Zero(t, do[contract.MonitorStatus](b, contract.ActivityMonitorWindow, other).Samples)
	early := in
	early.End = windowEnd.Add(-150 * time.Second)
	found := do[contract.MonitorStatus](b, contract.ActivityMonitorWindow, early)
	require.Equal(t, contract.MonitorTooFew, found.State)
	require.Equal(t, 51, found.Samples)
	kept, err := b.catalog.MonitorReports(t.Context(), model, 0)
	require.NoError(t, err)
	require.Len(t, kept, 3, "each window of each version is on record")
}

// After a rollback the schedule still names the version that left; the one that serves is looked at, against what its own release
// named. Of a version whose release is from before that was kept, against what the schedule names.
func TestCheckWindowFollowsTheRoute(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keep  bool
		state string
	}{"own reference": {true, contract.MonitorOK}, "none kept": {false, contract.MonitorDrift}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			data := b.release("1.1.0").Data
			b.predict(data, "gw-a", func(map[string]any) {})
			var watched *spec.Data
			if c.keep {
				watched = &data
			}
			b.produceWatched("1.1.0", "r1", watched)
			in := b.window(data)
			in.Version = "1.2.0"
			in.Data.Reference = b.file("later.csv", bytes.ReplaceAll(b.content(data.Reference), []byte(",own,"), []byte(",free,")))
			found := do[contract.MonitorStatus](b, contract.ActivityMonitorWindow, in)
			require.Equal(t, []any{"1.1.0", 200, c.state}, []any{found.Version, found.Samples, found.State}, found.Summary)
			kept, err := b.catalog.MonitorReports(t.Context(), model, 0)
			require.NoError(t, err)
			require.Equal(t, "1.1.0", kept[0].Version)
		})
	}
}

func TestCheckWindowPrunesOldTraffic(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	for seq, age := range []time.Duration{31 * 24 * time.Hour, 29 * 24 * time.Hour} {
		require.NoError(t, b.catalog.AddTraffic(t.Context(), []catalog.Traffic{{
			Gateway: "gw-a", Seq: int64(seq), Model: model, Version: "1.1.0", RouteRev: 1, At: windowEnd.Add(-age), Errors: 1,
		}}))
	}
	twice[contract.MonitorStatus](b, contract.ActivityMonitorWindow, b.window(data))
	left, err := b.catalog.Traffic(t.Context(), model, "1.1.0", 0)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.EqualValues(t, 1, left[0].Seq, "counts that a canary may still need stay")
}

func TestCheckWindowRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	b.predict(data, "gw-a", func(map[string]any) {})
	header, _, _ := cutLine(b.content(data.Reference))
	for name, c := range map[string]struct {
		breaks func(*spec.Data)
		kind   string
		words  string
	}{
		"no reference rows": {func(d *spec.Data) { d.Reference = b.file("header.csv", header) }, contract.ErrInvalidInput, "reference holds no rows"},
		"missing reference": {func(d *spec.Data) {
			d.Reference.Digest = string(artifacts.DigestOf([]byte("never uploaded")))
		}, contract.ErrDigestMismatch, "data.reference"},
	} {
		broken := b.window(data)
		c.breaks(&broken.Data)
		_, err := try[contract.MonitorStatus](b, contract.ActivityMonitorWindow, broken)
		t.Log(name)
		final(t, err, c.kind, c.words)
	}
	segments, err := b.catalog.Segments(t.Context(), model, "1.1.0", windowEnd, 0)
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	require.NoError(t, os.Remove(b.blob(segments[0].Digest)))
	_, err = try[contract.MonitorStatus](b, contract.ActivityMonitorWindow, b.window(data))
	final(t, err, contract.ErrDigestMismatch)
	require.Empty(t, b.events(), "a window that could not be looked at is not on record")
}

func TestNotify(t *testing.T) {
	t.Parallel()
	for severity, level := range map[string]string{"info": "INFO", "warn": "WARN", "error": "ERROR", "": "INFO"} {
		t.Run(severity, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			var out bytes.Buffer
			b.set.Notify.Log = slog.New(slog.NewTextHandler(&out, nil))
			do[contract.Empty](b, contract.ActivityNotify, contract.NotifyInput{Key: key("1.1.0", "r1"), Severity: severity, Text: "approval is overdue"})
			require.Contains(t, out.String(), "level="+level)
			require.Contains(t, out.String(), `msg="approval is overdue"`)
			require.Contains(t, out.String(), "version=1.1.0")
		})
	}
}
