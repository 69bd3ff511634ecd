package mirror

import (
	"context"
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mlflow/wire"
)

// historyPage is how many points are read at a time; MLflow gives no more.
const historyPage = 25_000

// point is a point of a metric, both ways.
type point struct {
	Key       string       `json:"key"`
	Value     wire.Float   `json:"value"`
	Timestamp wire.Integer `json:"timestamp"`
	Step      wire.Integer `json:"step"`
}

// metrics brings the histories over. Of each the catalog knows how much is there,
// so that a run that goes on logging costs what is new.
func (a *attempt) metrics(ctx context.Context) error {
	counts, err := a.cfg.Catalog.MetricCounts(ctx, a.run.UID)
	if err != nil {
		return err
	}
	var waiting []point
	marks := map[string]sentMetric{}
	for _, c := range counts {
		if a.sent.Metrics[c.Key].Points == c.Points || a.sent.refused("metric", c.Key, "") {
			continue
		}
		points, mark, err := a.unsent(ctx, c)
		if err != nil {
			return err
		}
		waiting, marks[c.Key] = append(waiting, points...), mark
		// Many metrics of few points go together.
		if len(waiting) >= maxMetrics {
			if err := a.logMetrics(ctx, waiting, marks); err != nil {
				return err
			}
			waiting = waiting[:0]
			clear(marks)
		}
	}
	return a.logMetrics(ctx, waiting, marks)
}

// logMetrics sends points and notes that the histories are there.
func (a *attempt) logMetrics(ctx context.Context, points []point, marks map[string]sentMetric) error {
	err := parts(ctx, points, maxMetrics, func(ctx context.Context, part []point) error {
		taken := part
		if len(a.sent.Refused) > 0 {
			taken = nil
			for _, p := range part {
				if !a.sent.refused("metric", p.Key, "") {
					taken = append(taken, p)
				}
			}
		}
		if len(taken) == 0 {
			return nil
		}
		return a.post(ctx, "mlflow/runs/log-batch", map[string]any{"run_id": a.remote.Info.ID, "metrics": taken}, nil)
	}, func(p point, why error) error { return a.sent.refuse("metric", p.Key, "", why) })
	if err != nil {
		return err
	}
	for key, mark := range marks {
		a.sent.Metrics[key] = mark
	}
	return nil
}

// unsent are the points of a metric that are not there, in the order of its
// history, and how much is there once they are.
func (a *attempt) unsent(ctx context.Context, c catalog.MetricCount) ([]point, sentMetric, error) {
	was := a.sent.Metrics[c.Key]
	var after *catalog.MetricPlace
	if was.Points > 0 {
		after = &was.Last
	}
	history, err := a.history(ctx, c.Key, after)
	if err != nil {
		return nil, was, err
	}
	compare := a.compare
	if was.Points > 0 && was.Points+int64(len(history)) != c.Points {
		// Points came before what was sent, or while we read: look at all of them.
		was, compare = sentMetric{}, true
		if history, err = a.history(ctx, c.Key, nil); err != nil {
			return nil, was, err
		}
	}
	if len(history) == 0 {
		return nil, was, nil
	}
	mark := sentMetric{Points: was.Points + int64(len(history)), Last: catalog.PlaceOf(history[len(history)-1])}
	have := map[place]bool{}
	if compare {
		if have, err = a.remoteHistory(ctx, c.Key); err != nil {
			return nil, was, err
		}
	}
	out := make([]point, 0, len(history))
	for _, m := range history {
		p := point{Key: m.Key, Value: wire.Float(m.Value), Timestamp: wire.Integer(m.At), Step: wire.Integer(m.Step)}
		if !have[placeOf(p)] {
			out = append(out, p)
		}
	}
	return out, mark, nil
}

// history reads a metric's points here, those after a place.
func (a *attempt) history(ctx context.Context, key string, after *catalog.MetricPlace) ([]catalog.Metric, error) {
	var out []catalog.Metric
	for {
		page, next, err := a.cfg.Catalog.MetricHistory(ctx, a.run.UID, key, after, historyPage)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if next == nil {
			return out, nil
		}
		after = next
	}
}

// place tells points of one metric apart, as both servers do.
type place struct {
	step, at int64
	value    float64
	nan      bool
}

// placeOf is the place of a point. MLflow's SQL stores keep infinity as the largest number.
func placeOf(p point) place {
	out := place{step: int64(p.Step), at: int64(p.Timestamp), value: float64(p.Value)}
	if math.IsNaN(out.value) {
		out.value, out.nan = 0, true
	}
	out.value = max(-math.MaxFloat64, min(out.value, math.MaxFloat64)) + 0 // -0 is 0
	return out
}

// remoteHistory reads a metric's points there.
func (a *attempt) remoteHistory(ctx context.Context, key string) (map[place]bool, error) {
	have, token := map[place]bool{}, ""
	for {
		var page struct {
			Metrics []point `json:"metrics"`
			Next    string  `json:"next_page_token"`
		}
		pairs := []string{"run_id", a.remote.Info.ID, "metric_key", key, "max_results", fmt.Sprint(historyPage)}
		if token != "" {
			pairs = append(pairs, "page_token", token)
		}
		if err := a.cfg.Server.Get(ctx, &page, "mlflow/metrics/get-history", pairs...); err != nil {
			return nil, err
		}
		for _, p := range page.Metrics {
			have[placeOf(p)] = true
		}
		if page.Next == "" || page.Next == token {
			return have, nil
		}
		token = page.Next
	}
}
