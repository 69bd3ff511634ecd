package dataset

import (
	"cmp"
	"slices"

	"github.com/slipway-ml/slipway/internal/stats"
)

// ColumnSummary describes one column. Of a personal column only the counts are given.
type ColumnSummary struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"` // what the values mean
	// Stored is the Arrow type that the file holds them as.
	Stored string `json:"stored,omitempty"`
	Nulls  int    `json:"nulls"`
	// Wrong counts cells that are not of the kind, NotFinite those that are NaN or infinite.
	Wrong     int `json:"wrong,omitempty"`
	NotFinite int `json:"not_finite,omitempty"`
	// Distinct counts different values; DistinctMethod says how where it is an estimate.
	Distinct       int    `json:"distinct"`
	DistinctMethod Method `json:"distinct_method,omitempty"`
	// Numbers describes a numeric column, Sum is that of its values. Quantiles and
	// the histogram are from a random sample where QuantileMethod says so.
	Numbers        *stats.Summary `json:"numbers,omitempty"`
	QuantileMethod Method         `json:"quantile_method,omitempty"`
	Histogram      *Histogram     `json:"histogram,omitempty"`
	// Earliest and Latest bound a column of dates.
	Earliest string `json:"earliest,omitempty"`
	Latest   string `json:"latest,omitempty"`
	// Top lists the most frequent values of a column of strings or booleans.
	Top      []Frequency `json:"top,omitempty"`
	Personal bool        `json:"personal,omitempty"`
}

// Histogram counts values in bins of equal width between Low and High.
type Histogram struct {
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Counts []int64 `json:"counts"`
}

// Frequency is a value and in how many rows it stands.
type Frequency struct {
	Value string `json:"value"`
	Rows  int    `json:"rows"`
}

// MaxDistinct bounds the exact counting of different values.
const MaxDistinct = 10000

const (
	topValues     = 10
	histogramBins = 16
)

// summary describes the column as far as it was read.
func (c *columnState) summary() ColumnSummary {
	distinct, method := c.counter.distinct()
	s := ColumnSummary{
		Name: c.name, Kind: c.m.kind, Stored: c.stored.String(), Nulls: int(c.nulls), Wrong: int(c.wrong), NotFinite: int(c.notFinite),
		Distinct: int(distinct), Personal: c.personal,
	}
	if method != Exact {
		s.DistinctMethod = method
	}
	if c.personal {
		return s
	}
	switch {
	case c.m.kind.Numeric():
		s.Numbers, s.Histogram = c.numbers(), histogramOf(c.sample.values(), c.moments.n)
		if !c.sample.exact() {
			s.QuantileMethod = c.sample.method()
		}
	case c.m.kind.temporal():
		if c.moments.n > 0 {
			s.Earliest, s.Latest = formatMicros(int64(c.moments.min)), formatMicros(int64(c.moments.max))
			s.Histogram = histogramOf(c.sample.values(), c.moments.n)
		}
	default:
		s.Top = c.top(topValues)
	}
	return s
}

func (c *columnState) numbers() *stats.Summary {
	s := &stats.Summary{N: int(c.moments.n), Missing: int(c.nulls + c.nans), Infinite: int(c.infinite)}
	if c.moments.n == 0 {
		return s
	}
	values := c.sample.values()
	s.Mean, s.Std = finite(c.moments.mean), finite(c.moments.std())
	s.Min, s.Max = c.moments.min, c.moments.max
	s.P25, s.Median, s.P75 = quantileOf(values, 0.25), quantileOf(values, 0.5), quantileOf(values, 0.75)
	return s
}

// top lists the most frequent values; none where there are too many to count.
func (c *columnState) top(most int) []Frequency {
	ids := make([]int32, len(c.counter.counts))
	for i := range ids {
		ids[i] = int32(i)
	}
	counts := c.counter.counts
	slices.SortFunc(ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(c.word(a), c.word(b)))
	})
	var out []Frequency
	for _, id := range ids[:min(len(ids), most)] {
		out = append(out, Frequency{Value: shorten(c.word(id)), Rows: int(counts[id])})
	}
	return out
}

// histogramOf counts a sorted sample of n values.
func histogramOf(sorted []float64, n int64) *Histogram {
	if len(sorted) == 0 {
		return nil
	}
	h := &Histogram{Low: sorted[0], High: sorted[len(sorted)-1], Counts: make([]int64, histogramBins)}
	counts := make([]int64, histogramBins)
	width := h.High/histogramBins - h.Low/histogramBins
	for _, v := range sorted {
		i := 0
		if width > 0 {
			i = min(histogramBins-1, max(0, int((v-h.Low)/width)))
		}
		counts[i]++
	}
	for i, k := range counts {
		h.Counts[i] = int64(float64(k)*float64(n)/float64(len(sorted)) + 0.5)
	}
	return h
}
