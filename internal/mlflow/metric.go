package mlflow

import (
	"cmp"
	"context"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func (a *API) metricEndpoints() []endpoint {
	return []endpoint{
		rpc("GET", "metrics/get-history", a.getHistory),
		rpc("GET", "metrics/get-history-bulk-interval", a.getHistoryBulk),
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

func (a *API) getHistoryBulk(ctx context.Context, in *struct {
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
		return nil, fail(InvalidParameterValue, "GetMetricHistoryBulkInterval request cannot specify more than %d run_ids. Received %d run_ids.", maxBulkRuns, len(in.RunIDs))
	}
	if err := required("metric_key", in.Key); err != nil {
		return nil, err
	}
	if in.Start != nil && in.End != nil && *in.Start > *in.End {
		return nil, fail(InvalidParameterValue, "end_step must be greater than or equal to start_step. Found start_step=%d and end_step=%d.", *in.Start, *in.End)
	}
	most, err := checkPage(in.Max, maxBulkSteps, maxBulkSteps)
	if err != nil {
		return nil, err
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
