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
	squares, distances, shares, truth2 := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	center := mean(r.truth, nil) // near it squares lose nothing to rounding
	centered := make([]float64, n)
	for i, t := range r.truth {
		e := math.Abs(t - r.pred[i])
		squares[i], distances[i], centered[i] = e*e, e, t-center
		truth2[i] = centered[i] * centered[i]
		if r.percent {
			shares[i] = e / math.Abs(t)
		}
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
