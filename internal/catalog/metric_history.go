package catalog

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
)

// MetricPlace is a place in a metric's history.
type MetricPlace struct {
	Step  int64  `json:"s"`
	At    int64  `json:"a"`
	Value string `json:"v"` // as text: JSON has no infinity
	NaN   int64  `json:"n"`
}

// MetricHistory returns the points of a run's metric in the order of step, time and
// value, those after a place if one is given, at most limit. The place of the last
// point is returned if there are more. The error is an ErrNotFound without the run.
func (c *Catalog) MetricHistory(ctx context.Context, uid, key string, after *MetricPlace, limit int) ([]Metric, *MetricPlace, error) {
	var (
		out  []Metric
		next *MetricPlace
	)
	err := c.view(ctx, "read metric history", func(t *tx) error {
		out, next = nil, nil
		row, err := t.run(ctx, uid)
		if err != nil {
			return err
		}
		id, err := t.keyID(ctx, key)
		if err != nil {
			return err
		}
		var q query
		q.where("run_id = ? AND key_id = ?", row.ID, id)
		if after != nil {
			value, err := strconv.ParseFloat(after.Value, 64)
			if err != nil || math.IsNaN(value) {
				return invalid("the page token is of another list")
			}
			q.where("(step, at, value, nan) > (?, ?, ?, ?)", after.Step, after.At, value, after.NaN)
		}
		var points []point
		if err := t.all(ctx, &points, q.sql("SELECT step, at, value, nan FROM run_metrics", "step, at, value, nan", limit+1), q.args...); err != nil {
			return err
		}
		if len(points) > limit {
			points = points[:limit]
			last := points[limit-1]
			next = &MetricPlace{last.Step, last.At, strconv.FormatFloat(last.Value, 'g', -1, 64), last.NaN}
		}
		out = make([]Metric, len(points))
		for i, p := range points {
			out[i] = p.metric()
			out[i].Key = key
		}
		return nil
	})
	return out, next, err
}

// MetricCount is how many points a metric of a run has.
type MetricCount struct {
	Key    string
	Points int64
}

// MetricCounts counts the points of each metric of a run, by key. The error is an ErrNotFound without the run.
func (c *Catalog) MetricCounts(ctx context.Context, uid string) ([]MetricCount, error) {
	var out []MetricCount
	err := c.view(ctx, "count metrics", func(t *tx) error {
		row, err := t.run(ctx, uid)
		if err != nil {
			return err
		}
		var counts []struct {
			Key    int64 `db:"key_id"`
			Points int64 `db:"points"`
		}
		if err := t.all(ctx, &counts, "SELECT key_id, COUNT(*) AS points FROM run_metrics WHERE run_id = ? GROUP BY key_id", row.ID); err != nil {
			return err
		}
		names := make(map[int64]string, len(counts))
		for _, n := range counts {
			names[n.Key] = ""
		}
		if err := t.keyNames(ctx, names); err != nil {
			return err
		}
		out = make([]MetricCount, len(counts))
		for i, n := range counts {
			out[i] = MetricCount{names[n.Key], n.Points}
		}
		slices.SortFunc(out, func(a, b MetricCount) int { return cmp.Compare(a.Key, b.Key) })
		return nil
	})
	return out, err
}

// PlaceOf is the place of a point in its metric's history.
func PlaceOf(m Metric) MetricPlace {
	p := pointOf(0, 0, m)
	return MetricPlace{p.Step, p.At, strconv.FormatFloat(p.Value, 'g', -1, 64), p.NaN}
}

// RunMetric is a point with the run it is of.
type RunMetric struct {
	Run string
	Metric
}

// MetricInterval is what MetricsAt reads.
type MetricInterval struct {
	Runs []string // uids; those that are not on record are passed over
	Key  string
	From *int64 // steps, inclusive; nil: no bound
	To   *int64
	Most int // steps per run, about
}

// MetricsAt returns points of one metric of several runs for a chart: all of them if
// no more than Most steps lie in the interval, else those at Most steps spread evenly
// over the steps that there are, and always the first and last of each run.
func (c *Catalog) MetricsAt(ctx context.Context, in MetricInterval) ([]RunMetric, error) {
	var out []RunMetric
	err := c.view(ctx, "read metrics of runs", func(t *tx) error {
		out = nil
		key, err := t.keyID(ctx, in.Key)
		if err != nil || len(in.Runs) == 0 {
			return err
		}
		uids, order, err := t.runNumbers(ctx, in.Runs)
		if err != nil || len(order) == 0 {
			return err
		}
		steps, err := t.chartSteps(ctx, in, order, key)
		if err != nil || len(steps) == 0 {
			return err
		}
		for _, run := range order {
			var points []point
			if err := inParts(steps, func(places string, args []any) error {
				return more(ctx, t, &points, "SELECT step, at, value, nan FROM run_metrics WHERE run_id = ? AND key_id = ? AND step IN "+places+" ORDER BY step, at, value",
					append([]any{run, key}, args...))
			}); err != nil {
				return err
			}
			for _, p := range points {
				m := p.metric()
				m.Key = in.Key
				out = append(out, RunMetric{uids[run], m})
			}
		}
		return nil
	})
	return out, err
}

// runNumbers returns the numbers inside of runs, in the order of uids.
func (t *tx) runNumbers(ctx context.Context, uids []string) (map[int64]string, []int64, error) {
	byUID, names := map[string]int64{}, map[int64]string{}
	err := inParts(uids, func(places string, args []any) error {
		var rows []keyRow
		if err := t.all(ctx, &rows, "SELECT id, uid AS name FROM runs WHERE uid IN "+places, args...); err != nil {
			return err
		}
		for _, row := range rows {
			byUID[row.Name], names[row.ID] = row.ID, row.Name
		}
		return nil
	})
	var order []int64
	for _, uid := range uids {
		if id, ok := byUID[uid]; ok && !slices.Contains(order, id) {
			order = append(order, id)
		}
	}
	return names, order, err
}

// chartSteps chooses the steps to read, ascending.
func (t *tx) chartSteps(ctx context.Context, in MetricInterval, runs []int64, key int64) ([]int64, error) {
	var q query
	places, args := placesFor(runs)
	q.where("key_id = ?", key)
	q.where("run_id IN "+places, args...)
	if in.From != nil {
		q.where("step >= ?", *in.From)
	}
	if in.To != nil {
		q.where("step <= ?", *in.To)
	}
	var steps []int64
	if err := t.all(ctx, &steps, q.sql("SELECT DISTINCT step FROM run_metrics", "step", 0), q.args...); err != nil || len(steps) <= in.Most {
		return steps, err
	}
	var ends []struct {
		First int64 `db:"first"`
		Last  int64 `db:"last"`
	}
	q.conditions = append(q.conditions[:len(q.conditions)-1], q.conditions[len(q.conditions)-1]+" GROUP BY run_id")
	if err := t.all(ctx, &ends, q.sql("SELECT MIN(step) AS first, MAX(step) AS last FROM run_metrics", "1", 0), q.args...); err != nil {
		return nil, err
	}
	chosen := spread(steps, in.Most)
	for _, e := range ends {
		chosen = append(chosen, e.First, e.Last)
	}
	slices.Sort(chosen)
	return slices.Compact(chosen), nil
}

// spread takes n of sorted values at even distances, the first among them, and the last.
func spread(values []int64, n int) []int64 {
	out := make([]int64, n, n+1)
	for i := range out {
		out[i] = values[i*len(values)/n]
	}
	return append(out, values[len(values)-1])
}
