package predlog

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/monitor"
)

// Reader is where segments' bytes come from.
type Reader interface {
	Read(ctx context.Context, d artifacts.Digest, max int64) ([]byte, error)
}

// Window is a stretch of the prediction log, oldest row first. All slices and
// columns have one entry per row.
type Window struct {
	Time []time.Time
	// Prediction is the label or the value as text; "" where there is an error.
	Prediction []string
	// Probability is NaN where the model gave none.
	Probability []float64
	LatencyMS   []float64
	// Error is "" where there is a prediction.
	Error    []string
	Features map[string]monitor.Column
}

// Rows is the number of rows.
func (w Window) Rows() int { return len(w.Time) }

// GoodLatencies are the latencies in milliseconds of the rows that were answered.
func (w Window) GoodLatencies() []float64 {
	out := make([]float64, 0, w.Rows())
	for i, e := range w.Error {
		if e == "" {
			out = append(out, w.LatencyMS[i])
		}
	}
	return out
}

// Errors is the number of rows without a prediction.
func (w Window) Errors() int { return w.Rows() - len(w.GoodLatencies()) }

// Read returns the newest rows, at most limit, from before until. A feature
// that a segment does not have is missing in its rows; one that is text in any
// segment is text in all.
func Read(ctx context.Context, store Reader, segments []catalog.Segment, until time.Time, limit int) (Window, error) {
	var parts []part
	var rows []place
	for _, s := range segments {
		digest, err := artifacts.ParseDigest(s.Digest)
		if err != nil {
			return Window{}, fmt.Errorf("segment %s/%d: %w", s.Gateway, s.Seq, err)
		}
		b, err := store.Read(ctx, digest, maxSegment)
		if err != nil {
			return Window{}, fmt.Errorf("read segment %s/%d: %w", s.Gateway, s.Seq, err)
		}
		p, err := decode(ctx, b)
		if err != nil {
			return Window{}, fmt.Errorf("segment %s/%d (%s): %w", s.Gateway, s.Seq, s.Digest, err)
		}
		for i, at := range p.times {
			if at < until.UnixMicro() || at == until.UnixMicro() && until.Nanosecond()%1000 > 0 {
				rows = append(rows, place{part: len(parts), row: i})
			}
		}
		parts = append(parts, p)
	}
	slices.SortStableFunc(rows, func(a, b place) int {
		return cmp.Compare(parts[a.part].times[a.row], parts[b.part].times[b.row])
	})
	if limit >= 0 && len(rows) > limit {
		rows = rows[len(rows)-limit:]
	}
	return window(parts, rows), nil
}

// place is where a row is.
type place struct{ part, row int }

// window puts rows together.
func window(parts []part, rows []place) Window {
	n := len(rows)
	w := Window{
		Time: make([]time.Time, n), Prediction: make([]string, n), Probability: make([]float64, n),
		LatencyMS: make([]float64, n), Error: make([]string, n), Features: map[string]monitor.Column{},
	}
	used := make([]bool, len(parts))
	for i, at := range rows {
		p := &parts[at.part]
		used[at.part] = true
		w.Time[i] = time.UnixMicro(p.times[at.row]).UTC()
		w.Prediction[i], w.Error[i] = p.prediction[at.row], p.failure[at.row]
		w.Probability[i], w.LatencyMS[i] = p.probability[at.row], p.latency[at.row]
	}
	text := map[string]bool{} // of each feature there is
	for i, p := range parts {
		if used[i] {
			for name, c := range p.features {
				text[name] = text[name] || c.Strings != nil
			}
		}
	}
	for name, is := range text {
		w.Features[name] = merged(parts, rows, name, is)
	}
	return w
}

// merged is a feature of the rows.
func merged(parts []part, rows []place, name string, text bool) monitor.Column {
	columns := make([]monitor.Column, len(parts))
	for i, p := range parts {
		c, ok := p.features[name]
		switch {
		case text && ok:
			c = monitor.Column{Strings: c.Texts()}
		case !ok:
			c = monitor.Column{}
		}
		columns[i] = c
	}
	if text {
		out := make([]string, len(rows))
		for i, at := range rows {
			if c := columns[at.part].Strings; c != nil {
				out[i] = c[at.row]
			}
		}
		return monitor.Column{Strings: out}
	}
	out := make([]float64, len(rows))
	for i, at := range rows {
		out[i] = math.NaN()
		if c := columns[at.part].Numbers; c != nil {
			out[i] = c[at.row]
		}
	}
	return monitor.Column{Numbers: out}
}
