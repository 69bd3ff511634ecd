package stats

import (
	"fmt"
	"math"
)

// AbsoluteErrors are two further metrics of a regression model.
type AbsoluteErrors struct {
	MAPE   float64 `json:"mape"`     // mean absolute percentage error, as a share: 0.1 is 10 %
	Median float64 `json:"medianAE"` // median absolute error, unit of the target
}

// AbsoluteErrorsOf compares predictions with the truth, row by row, both
// finite. As scikit-learn's mean_absolute_percentage_error, a truth of zero
// counts as the epsilon of float64, which makes MAPE enormous; it is then of no use.
func AbsoluteErrorsOf(truth, pred []float64) (AbsoluteErrors, error) {
	if err := checkPaired(len(truth), len(pred)); err != nil {
		return AbsoluteErrors{}, fmt.Errorf("absolute errors: %w", err)
	}
	var out AbsoluteErrors
	errs := make([]float64, len(truth))
	for i, t := range truth {
		if !finite(t) || !finite(pred[i]) {
			return AbsoluteErrors{}, fmt.Errorf("absolute errors: row %d: truth %v and prediction %v must be finite", i, t, pred[i])
		}
		errs[i] = math.Abs(t - pred[i])
		out.MAPE += errs[i] / max(0x1p-52, math.Abs(t)) / float64(len(truth))
	}
	median, err := Quantile(errs, 0.5)
	if err != nil {
		return AbsoluteErrors{}, fmt.Errorf("absolute errors: %w", err)
	}
	out.Median = median
	return out, nil
}
