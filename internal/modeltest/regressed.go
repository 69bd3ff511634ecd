package modeltest

import "math"

// regressed is a regression's answers to all test rows.
type regressed struct {
	truth, pred []float64
	percent     bool // no truth is zero, so that errors have percentages
}

func regress(c *scored) *regressed {
	out := &regressed{truth: c.truth.values, pred: values(c.predictions), percent: true}
	for _, t := range out.truth {
		out.percent = out.percent && t != 0
	}
	return out
}

// metricNames are what metrics gives, in its order.
func (r *regressed) metricNames() []string {
	names := []string{"rmse", "mae", "r2"}
	if r.percent {
		names = append(names, "mape")
	}
	return names
}

// metrics computes the metrics of weighted rows; nil weighs each by 1.
func (r *regressed) metrics() func(weights []float64) []float64 {
	n := len(r.truth)
	distances, squares, centered, truth2 := r.distances(), r.squares(), make([]float64, n), make([]float64, n)
	var shares []float64
	if r.percent {
		shares = r.shares()
	}
	center := mean(r.truth, nil) // near it squares lose nothing to rounding
	for i, t := range r.truth {
		centered[i] = t - center
		truth2[i] = centered[i] * centered[i]
	}
	return func(weights []float64) []float64 {
		square, about := mean(squares, weights), mean(centered, weights)
		out := []float64{math.Sqrt(square), mean(distances, weights), 1 - square/(mean(truth2, weights)-about*about)}
		if r.percent {
			out = append(out, mean(shares, weights))
		}
		return out
	}
}

func (r *regressed) passes() int { return 5 }

// distances are the absolute errors.
func (r *regressed) distances() []float64 {
	out := make([]float64, len(r.truth))
	for i, t := range r.truth {
		out[i] = math.Abs(t - r.pred[i])
	}
	return out
}

// squares are the squared errors.
func (r *regressed) squares() []float64 {
	out := r.distances()
	for i, d := range out {
		out[i] = d * d
	}
	return out
}

// shares are the absolute errors as shares of the truth.
func (r *regressed) shares() []float64 {
	out := r.distances()
	for i, d := range out {
		out[i] = d / math.Abs(r.truth[i])
	}
	return out
}
