package catalog

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Metric is one point of a run's metric. Value may be NaN or infinite; a run has one
// latest point of each metric, that with the highest step, then time, then value.
type Metric struct {
	Key   string  `json:"key"`
	Value float64 `json:"value"`
	At    int64   `json:"at"` // milliseconds since 1970 UTC
	Step  int64   `json:"step"`
	// ModelID and the data set tell what a logged model was measured on; empty for none.
	ModelID       string `json:"model_id,omitempty"`
	DatasetName   string `json:"dataset_name,omitempty"`
	DatasetDigest string `json:"dataset_digest,omitempty"`
}

// RunBatch is what is logged at once.
type RunBatch struct {
	Metrics []Metric
	Params  []Pair // each key once
	Tags    []Pair // of a key that is there twice, the last
}

func (b RunBatch) keys() []string {
	out := make([]string, 0, len(b.Metrics)+len(b.Params)+len(b.Tags))
	for _, m := range b.Metrics {
		// A batch has the points of a metric side by side as a rule.
		if n := len(out); n == 0 || out[n-1] != m.Key {
			out = append(out, m.Key)
		}
	}
	for _, p := range b.Params {
		out = append(out, p.Key)
	}
	for _, p := range b.Tags {
		out = append(out, p.Key)
	}
	return out
}

// LogBatch logs to a run, all or nothing. Logging the same again changes nothing.
// The error is an ErrNotFound without the run, an ErrInvalid if the run is deleted
// or a param has another value on record.
func (c *Catalog) LogBatch(ctx context.Context, uid string, b RunBatch) error {
	ids, err := c.keyIDs(ctx, b.keys())
	if err != nil {
		return err
	}
	return c.update(ctx, "log to run", func(t *tx) error {
		row, err := t.activeRun(ctx, uid)
		if err != nil {
			return err
		}
		if err := t.log(ctx, row.ID, uid, b, ids); err != nil {
			return err
		}
		for _, tag := range b.Tags {
			if tag.Key == TagRunName {
				if _, err := t.exec(ctx, "UPDATE runs SET name = ? WHERE id = ?", tag.Value, row.ID); err != nil {
					return err
				}
			}
		}
		return t.changed(ctx, "id = ?", row.ID)
	})
}

// log writes in one order (params, tags, metrics; each by key), so that two batches
// of one run never wait for each other in a circle.
func (t *tx) log(ctx context.Context, run int64, uid string, b RunBatch, ids map[string]int64) error {
	if err := t.setParams(ctx, run, uid, b.Params, ids); err != nil {
		return err
	}
	if err := t.setTags(ctx, run, b.Tags, ids); err != nil {
		return err
	}
	return t.addMetrics(ctx, run, b.Metrics, ids)
}

func (t *tx) setParams(ctx context.Context, run int64, uid string, params []Pair, ids map[string]int64) error {
	if len(params) == 0 {
		return nil
	}
	rows := pairRows(run, params, ids)
	if err := t.insert(ctx, "run_params(run_id, key_id, value)", "ON CONFLICT DO NOTHING", rows...); err != nil {
		return err
	}
	// Compared after the insert, which waits for another writer of the same param.
	have := map[int64]string{}
	keys := make([]int64, len(rows))
	for i, row := range rows {
		keys[i], _ = row[1].(int64)
	}
	if err := inParts(keys, func(places string, args []any) error {
		var some []pairRow
		if err := t.all(ctx, &some, "SELECT run_id, key_id, value FROM run_params WHERE run_id = ? AND key_id IN "+places, append([]any{run}, args...)...); err != nil {
			return err
		}
		for _, p := range some {
			have[p.Key] = p.Value
		}
		return nil
	}); err != nil {
		return err
	}
	for _, p := range params {
		if on := have[ids[clean(p.Key)]]; on != clean(p.Value) {
			return invalid("Changing param values is not allowed. Param with key='%s' was already logged with value='%s' for run ID='%s'. Attempted logging new value '%s'.",
				p.Key, on, uid, p.Value)
		}
	}
	return nil
}

func (t *tx) setTags(ctx context.Context, run int64, tags []Pair, ids map[string]int64) error {
	return t.insert(ctx, "run_tags(run_id, key_id, value)", "ON CONFLICT (run_id, key_id) DO UPDATE SET value = excluded.value", pairRows(run, tags, ids)...)
}

// pairRows are rows of (owner, key, value) by key, the last of each key.
func pairRows(owner int64, pairs []Pair, ids map[string]int64) [][]any {
	last := make(map[int64]string, len(pairs))
	for _, p := range pairs {
		last[ids[clean(p.Key)]] = p.Value
	}
	rows := make([][]any, 0, len(last))
	for id, value := range last {
		rows = append(rows, []any{owner, id, value})
	}
	slices.SortFunc(rows, func(a, b []any) int { return cmp.Compare(a[1].(int64), b[1].(int64)) })
	return rows
}

// point is a metric as a row.
type point struct {
	Run   int64   `db:"run_id"`
	Key   int64   `db:"key_id"`
	Step  int64   `db:"step"`
	At    int64   `db:"at"`
	Value float64 `db:"value"`
	NaN   int64   `db:"nan"`
}

func (p point) metric() Metric {
	m := Metric{Value: p.Value, At: p.At, Step: p.Step}
	if p.NaN != 0 {
		m.Value = math.NaN()
	}
	return m
}

func (p point) row() []any { return []any{p.Run, p.Key, p.Step, p.At, p.Value, p.NaN} }

func pointOf(run, key int64, m Metric) point {
	p := point{Run: run, Key: key, Step: m.Step, At: m.At, Value: m.Value}
	if math.IsNaN(m.Value) {
		p.Value, p.NaN = 0, 1
	}
	p.Value += 0 // -0 is 0: an index would tell them apart
	return p
}

// after orders the points of a metric: the last is the latest.
func (p point) after(o point) int {
	return cmp.Or(cmp.Compare(p.Step, o.Step), cmp.Compare(p.At, o.At), cmp.Compare(p.Value, o.Value), cmp.Compare(p.NaN, o.NaN))
}

const pointColumns = "(run_id, key_id, step, at, value, nan)"

func (t *tx) addMetrics(ctx context.Context, run int64, metrics []Metric, ids map[string]int64) error {
	if len(metrics) == 0 {
		return nil
	}
	points := make([]point, len(metrics))
	for i, m := range metrics {
		points[i] = pointOf(run, ids[clean(m.Key)], m)
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Or(cmp.Compare(a.Key, b.Key), a.after(b)) })
	rows := make([][]any, len(points))
	var latest [][]any
	for i, p := range points {
		rows[i] = p.row()
		if i+1 == len(points) || points[i+1].Key != p.Key {
			latest = append(latest, p.row())
		}
	}
	if err := t.insert(ctx, "run_metrics"+pointColumns, "ON CONFLICT DO NOTHING", rows...); err != nil {
		return err
	}
	if err := t.insert(ctx, "run_latest AS l"+pointColumns, `ON CONFLICT (run_id, key_id) DO UPDATE
		SET step = excluded.step, at = excluded.at, value = excluded.value, nan = excluded.nan
		WHERE (excluded.step, excluded.at, excluded.value, excluded.nan) > (l.step, l.at, l.value, l.nan)`, latest...); err != nil {
		return err
	}
	return t.addModelMetrics(ctx, run, metrics, ids)
}

// DeleteRunTag takes a tag off a run that is not deleted. The error is an ErrNotFound if it is not there.
func (c *Catalog) DeleteRunTag(ctx context.Context, uid, key string) error {
	return c.update(ctx, "untag run", func(t *tx) error {
		row, err := t.activeRun(ctx, uid)
		if err != nil {
			return err
		}
		id, err := t.keyID(ctx, key)
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, "DELETE FROM run_tags WHERE run_id = ? AND key_id = ?", row.ID, id)
		if err == nil && n == 0 {
			err = notFound("No tag with name: %s in run with id %s", key, uid)
		}
		if err != nil {
			return err
		}
		return t.changed(ctx, "id = ?", row.ID)
	})
}
