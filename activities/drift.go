package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/gateway/predlog"
	"github.com/slipway-ml/slipway/internal/monitor"
	"github.com/slipway-ml/slipway/internal/spec"
)

// trafficKept is how long the gateways' counts are kept: longer than any canary lasts.
const trafficKept = 30 * 24 * time.Hour

// Drift looks at what production was asked.
type Drift struct {
	Catalog *catalog.Catalog
	Store   *artifacts.Store
	Library *dataversion.Library

	references referenceCache
}

// Check compares one window of the version's predictions with the reference rows. Both are those of the version in
// production: after a rollback the schedule still names the one that left.
func (d *Drift) Check(ctx context.Context, in contract.CheckWindowInput) (contract.MonitorStatus, error) {
	_, stop := beating(ctx)
	defer stop()
	route, err := d.Catalog.Route(ctx, in.Model)
	switch {
	case err == nil && route.Stable != "" && route.Stable != in.Version:
		if in.Data, err = d.watched(ctx, in.Model, route.Stable, in.Data); err != nil {
			return contract.MonitorStatus{}, err
		}
		in.Version = route.Stable
	case err != nil && !errors.Is(err, catalog.ErrNotFound):
		return contract.MonitorStatus{}, err
	}
	found := contract.MonitorStatus{Model: in.Model, Version: in.Version, End: in.End}
	segments, err := d.Catalog.Segments(ctx, in.Model, in.Version, in.End, int64(in.Monitor.Window))
	if err != nil {
		return found, err
	}
	window, err := predlog.Read(ctx, d.Store, segments, in.End, in.Monitor.Window)
	if err != nil {
		return found, err
	}
	reference, err := d.reference(ctx, in.Data)
	if err != nil {
		return found, err
	}
	result, err := monitor.Check(reference, window.Features, in.Monitor)
	if err != nil {
		return found, invalid{err}
	}
	report := monitor.Report{Model: in.Model, Version: in.Version, From: in.End, To: in.End, Result: result}
	if window.Rows() > 0 {
		report.From = window.Time[0]
	}
	if report.Service, err = monitor.Serve(window.GoodLatencies(), window.Errors()); err != nil {
		return found, err
	}
	found.State, found.Samples, found.Drifted, found.Summary = result.State, result.Samples, result.Drifted, result.Summary
	if found.Report, err = saveReport(ctx, d.Store, report); err != nil {
		return found, err
	}
	end := in.End.UTC().Format("20060102T150405.000Z")
	err = d.Catalog.AddMonitorReport(ctx, catalog.MonitorReport{
		Model: in.Model, Version: in.Version, End: in.End, State: found.State, Summary: found.Summary,
		Report: found.Report.Digest, Page: found.Report.Page, Samples: found.Samples,
	}, catalog.Mark{Key: fmt.Sprintf("%s/%s/%s", contract.MonitorID(in.Model), in.Version, end), Actor: "slipway", Reason: found.Summary})
	if err != nil {
		return found, err
	}
	return found, d.Catalog.PruneTraffic(ctx, in.End.Add(-trafficKept))
}

// watched is what a version's predictions are compared with; what the schedule says, if its release was before that was kept.
func (d *Drift) watched(ctx context.Context, model, version string, scheduled spec.Data) (spec.Data, error) {
	m, err := d.Catalog.Model(ctx, model, version)
	if err != nil {
		return scheduled, err
	}
	var config registered
	if err := json.Unmarshal(m.Config, &config); err != nil {
		return scheduled, invalid{fmt.Errorf("configuration of model %s/%s: %w", model, version, err)}
	}
	if config.Watched == nil {
		return scheduled, nil
	}
	return *config.Watched, nil
}
