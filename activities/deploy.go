package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/canary"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// What the zero values of Deploy mean.
const (
	defaultAlive = 10 * time.Second
	defaultPoll  = 250 * time.Millisecond
)

// Deploy moves routes and watches what the data plane makes of them.
type Deploy struct {
	Catalog *catalog.Catalog
	// Alive is how recently a gateway must have been seen to count; default 10 s.
	Alive time.Duration
	// Poll is how often the data plane's state is read while waiting; default 250 ms.
	Poll time.Duration
}

// Stage puts the candidate beside production with no traffic, so that gateways load and warm it.
func (d *Deploy) Stage(ctx context.Context, in contract.StageInput) (contract.RouteOutput, error) {
	route, err := d.Catalog.StageCanary(ctx, in.Key.Model, in.Key.Version, in.Digest, in.Key.String(), mark(in.Key, "stage", in.By, ""))
	return routeOutput(route), err
}

// AwaitReady waits until every live gateway reports the candidate warm.
func (d *Deploy) AwaitReady(ctx context.Context, in contract.AwaitReadyInput) (contract.AwaitReadyOutput, error) {
	gateways, err := d.await(ctx, in.Digest)
	return contract.AwaitReadyOutput{Gateways: gateways}, err
}

// Shift gives the candidate its share of the traffic.
func (d *Deploy) Shift(ctx context.Context, in contract.ShiftInput) (contract.RouteOutput, error) {
	route, err := d.Catalog.ShiftCanary(ctx, in.Key.Model, in.Key.String(), in.Permille, in.Rev,
		mark(in.Key, fmt.Sprintf("shift/%d", in.Step), in.By, fmt.Sprintf("step %d: %g %%", in.Step, float64(in.Permille)/10)))
	return routeOutput(route), err
}

// Analyse compares the candidate with production over what the gateways have counted since the canary began.
func (d *Deploy) Analyse(ctx context.Context, in contract.AnalyseInput) (contract.Analysis, error) {
	route, err := d.Catalog.Route(ctx, in.Key.Model)
	if err != nil {
		return contract.Analysis{}, err
	}
	rows, err := d.Catalog.Traffic(ctx, in.Key.Model, in.Key.Version, in.FirstRev)
	if err != nil {
		return contract.Analysis{}, err
	}
	candidate, err := merge(in.Key.Version, rows)
	if err != nil {
		return contract.Analysis{}, err
	}
	var inStep int64
	for _, row := range rows {
		if row.RouteRev >= in.SinceRev {
			inStep += row.OK + row.Errors
		}
	}
	baseline := canary.ArmStats{Version: route.Stable}
	if in.Baseline {
		rows, err := d.Catalog.Traffic(ctx, in.Key.Model, route.Stable, in.FirstRev)
		if err != nil {
			return contract.Analysis{}, err
		}
		if baseline, err = merge(route.Stable, rows); err != nil {
			return contract.Analysis{}, err
		}
	}
	return canary.Judge(candidate, baseline, inStep, in), nil
}

// Promote swaps the pointer: route, stages and alias in one transaction.
func (d *Deploy) Promote(ctx context.Context, in contract.PromoteInput) (contract.RouteOutput, error) {
	route, err := d.Catalog.PromoteCanary(ctx, in.Key.Model, in.Key.String(), in.Rev, mark(in.Key, "promote", in.By, in.Reason))
	return routeOutput(route), err
}

// RollBack takes the candidate off the route; where it no longer is on it, nothing happens.
func (d *Deploy) RollBack(ctx context.Context, in contract.RollBackInput) (contract.RouteOutput, error) {
	route, err := d.Catalog.ClearCanary(ctx, in.Key.Model, in.Key.String(), mark(in.Key, "rollback", in.By, in.Reason))
	return routeOutput(route), err
}

// Confirm checks that the route, the registry and every live gateway agree on the new production version.
func (d *Deploy) Confirm(ctx context.Context, in contract.ConfirmInput) (contract.ConfirmOutput, error) {
	route, err := d.Catalog.Route(ctx, in.Key.Model)
	if err != nil {
		return contract.ConfirmOutput{}, err
	}
	model, err := d.Catalog.Model(ctx, in.Key.Model, in.Key.Version)
	if err != nil {
		return contract.ConfirmOutput{}, err
	}
	if route.Stable != in.Key.Version || model.Stage != catalog.StageProduction {
		return contract.ConfirmOutput{}, fmt.Errorf("%w: the route serves %q and %s is at stage %s: another move came in between",
			catalog.ErrConflict, route.Stable, in.Key.Version, model.Stage)
	}
	gateways, err := d.await(ctx, in.Digest)
	if err != nil {
		return contract.ConfirmOutput{}, err
	}
	summary := fmt.Sprintf("%s serves on %d gateway(s)", in.Key.Version, len(gateways))
	if in.Previous != "" {
		summary += fmt.Sprintf("; %s is archived and kept warm", in.Previous)
	}
	return contract.ConfirmOutput{Summary: summary}, nil
}

// await waits until every live gateway has the digest ready and returns their names.
func (d *Deploy) await(ctx context.Context, digest string) ([]string, error) {
	report, stop := beating(ctx)
	defer stop()
	ctx, cancel := early(ctx)
	defer cancel()
	ticker := time.NewTicker(cmp.Or(d.Poll, defaultPoll))
	defer ticker.Stop()
	at := "gateways not looked at yet"
	for {
		gateways, missing, err := d.ready(ctx, digest)
		switch {
		case err != nil && ctx.Err() != nil: // the query was cut off: what was awaited says more
			return nil, fmt.Errorf("%s: %w", at, ctx.Err())
		case err != nil:
			return nil, err
		case len(gateways) > 0 && len(missing) == 0:
			return gateways, nil
		case len(missing) > 0:
			at = "waiting for " + strings.Join(missing, ", ")
		default:
			at = "no live gateway: start `slipwayd run --roles gateway`"
		}
		report(len(gateways)-len(missing), len(gateways), at)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", at, ctx.Err())
		case <-ticker.C:
		}
	}
}

// ready lists the live gateways and those of them that lack the digest.
func (d *Deploy) ready(ctx context.Context, digest string) (gateways, missing []string, err error) {
	live, err := d.Catalog.Gateways(ctx, time.Now().Add(-cmp.Or(d.Alive, defaultAlive)))
	if err != nil {
		return nil, nil, err
	}
	instances, err := d.Catalog.Instances(ctx, digest)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range live {
		gateways = append(gateways, g.ID)
		i := slices.IndexFunc(instances, func(in catalog.Instance) bool { return in.Gateway == g.ID })
		switch {
		case i < 0 || instances[i].State == catalog.InstanceLoading:
			missing = append(missing, g.ID)
		case instances[i].State == catalog.InstanceFailed:
			return nil, nil, invalid{fmt.Errorf("gateway %s can't serve %s: %s", g.ID, digest, instances[i].Error)}
		}
	}
	return gateways, missing, nil
}

// merge adds up the flushes of all gateways.
func merge(version string, rows []catalog.Traffic) (canary.ArmStats, error) {
	counted := make([]canary.Traffic, len(rows))
	for i, r := range rows {
		counted[i] = canary.Traffic{OK: r.OK, Errors: r.Errors, Sketch: r.Sketch}
	}
	return canary.MergeTraffic(version, counted)
}

func routeOutput(r catalog.Route) contract.RouteOutput {
	return contract.RouteOutput{Rev: r.Rev, Stable: r.Stable}
}
