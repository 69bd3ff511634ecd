package mlflow

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func (a *API) metricEndpoints() []endpoint {
	return []endpoint{
		rpc("GET", "metrics/get-history", a.getHistory),
		rpc("GET", "metrics/get-history-bulk", a.getHistoryBulk),
		rpc("GET", "metrics/get-history-bulk-interval", a.getHistoryInterval),
	}
}

const (
	// maxHistory bounds a page of a metric's history; a request that names no size gets pages of it.
	maxHistory = 25000
	// maxBulkRuns and maxBulkSteps bound a chart.
	maxBulkRuns  = 100
	maxBulkSteps = 2500
)

func (a *API) getHistory(ctx context.Context, in *struct {
	RunID   string   `json:"run_id"`
	RunUUID string   `json:"run_uuid"`
	Key     string   `json:"metric_key"`
	Token   string   `json:"page_token"`
	Max     *integer `json:"max_results"`
}) (any, error) {
	id, err := runRef{in.RunID, in.RunUUID}.id()
	if err := cmp.Or(err, required("metric_key", in.Key)); err != nil {
		return nil, err
	}
	most := maxHistory
	if in.Max != nil {
		if *in.Max < 1 {
			return nil, fail(InvalidParameterValue, "Invalid value %d for parameter 'max_results' supplied: It must be at least 1", *in.Max)
		}
		most = min(int(*in.Max), maxHistory)
	}
	of := []string{id, in.Key}
	var (
		at    catalog.MetricPlace
		after *catalog.MetricPlace
	)
	if given, err := readToken(in.Token, of, &at); err != nil {
		return nil, err
	} else if given {
		after = &at
	}
	points, last, err := a.cfg.Catalog.MetricHistory(ctx, id, in.Key, after, most)
	if err != nil {
		return nil, err
	}
	out := struct {
		Metrics []metric `json:"metrics,omitempty"`
		Next    string   `json:"next_page_token,omitempty"`
	}{Metrics: make([]metric, len(points))}
	for i, p := range points {
		out.Metrics[i] = metricOf(p)
	}
	if last != nil {
		out.Next, err = nextToken(of, last)
	}
	return out, err
}

// getHistoryBulk reads the histories of several runs, run by run.
func (a *API) getHistoryBulk(ctx context.Context, in *struct {
	RunIDs []string `json:"run_id"`
	Key    string   `json:"metric_key"`
	Max    *integer `json:"max_results"`
}) (any, error) {
	switch {
	case len(in.RunIDs) == 0:
		return nil, fail(InvalidParameterValue, "GetMetricHistoryBulk request must specify at least one run_id.")
	case len(in.RunIDs) > maxBulkRuns:
		return nil, fail(InvalidParameterValue, "GetMetricHistoryBulk request cannot specify more than %d run_ids. Received %d run_ids.", maxBulkRuns, len(in.RunIDs))
	case in.Key == "":
		return nil, fail(InvalidParameterValue, "GetMetricHistoryBulk request must specify a metric_key.")
	}
	most := maxHistory
	if in.Max != nil {
		most = min(max(int(*in.Max), 1), maxHistory)
	}
	slices.Sort(in.RunIDs)
	out := struct {
		Metrics []metric `json:"metrics"`
	}{[]metric{}}
	for _, id := range slices.Compact(in.RunIDs) {
		if most == len(out.Metrics) {
			break
		}
		points, _, err := a.cfg.Catalog.MetricHistory(ctx, id, in.Key, nil, most-len(out.Metrics))
		if errors.Is(err, catalog.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, p := range points {
			m := metricOf(p)
			m.RunID = id
			out.Metrics = append(out.Metrics, m)
		}
	}
	return out, nil
}

func (a *API) getHistoryInterval(ctx context.Context, in *struct {
	RunIDs []string `json:"run_ids"`
	Key    string   `json:"metric_key"`
	Start  *integer `json:"start_step"`
	End    *integer `json:"end_step"`
	Max    *integer `json:"max_results"`
}) (any, error) {
	if len(in.RunIDs) == 0 {
		return nil, missing("run_ids")
	}
	if len(in.RunIDs) > maxBulkRuns {
		return nil, fail(InvalidParameterValue, "GetMetricHistoryBulkInterval request must specify at most %d run_ids. Received %d run_ids.", maxBulkRuns, len(in.RunIDs))
	}
	if err := required("metric_key", in.Key); err != nil {
		return nil, err
	}
	if (in.Start == nil) != (in.End == nil) {
		return nil, fail(InvalidParameterValue, "If either start step or end step are specified, both must be specified.")
	}
	if in.Start != nil && *in.Start > *in.End {
		return nil, fail(InvalidParameterValue, "end_step must be greater than start_step. Found start_step=%d and end_step=%d.", *in.Start, *in.End)
	}
	most, err := checkPage(in.Max, maxBulkSteps, maxBulkSteps)
	if err != nil {
		return nil, fail(InvalidParameterValue, "max_results must be between 1 and %d", maxBulkSteps)
	}
	points, err := a.cfg.Catalog.MetricsAt(ctx, catalog.MetricInterval{Runs: in.RunIDs, Key: in.Key, From: (*int64)(in.Start), To: (*int64)(in.End), Most: most})
	if err != nil {
		return nil, err
	}
	out := struct {
		Metrics []metric `json:"metrics,omitempty"`
	}{Metrics: make([]metric, len(points))}
	for i, p := range points {
		out.Metrics[i] = metricOf(p.Metric)
		out.Metrics[i].RunID = p.Run
	}
	return out, nil
}
