package stats

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// Regression holds the quality metrics of a regression model. A nil metric is
// undefined for the data.
type Regression struct {
	MAE  *float64 `json:"mae,omitempty"`  // mean absolute error, unit of the target
	RMSE *float64 `json:"rmse,omitempty"` // root mean squared error, unit of the target
	R2   *float64 `json:"r2,omitempty"`   // coefficient of determination, at most 1; nil for one row
}

// RegressionMetrics compares predictions with the truth, row by row, both
// finite. R2 follows scikit-learn's r2_score: against a constant truth it is 1
// for perfect predictions and 0 for others; it needs two rows.
func RegressionMetrics(truth, pred []float64) (Regression, error) {
	if err := checkPaired(len(truth), len(pred)); err != nil {
		return Regression{}, fmt.Errorf("regression metrics: %w", err)
	}
	n := float64(len(truth))
	constant := true
	for i, t := range truth {
		if !finite(t) || !finite(pred[i]) {
			return Regression{}, fmt.Errorf("regression metrics: row %d: truth %v and prediction %v must be finite", i, t, pred[i])
		}
		constant = constant && t == truth[0]
	}
	mean := stat.Mean(truth, nil)
	var absolute, residual, total float64
	for i, t := range truth {
		e := t - pred[i]
		absolute += math.Abs(e)
		residual += e * e
		total += (t - mean) * (t - mean)
	}
	mae, rmse := absolute/n, math.Sqrt(residual/n)
	if !finite(mae) || !finite(rmse) || !finite(total) {
		return Regression{}, errors.New("regression metrics: errors are too large to square; rescale the target")
	}
	metrics := Regression{MAE: &mae, RMSE: &rmse}
	if constant {
		total = 0 // the mean of equal numbers may differ from them by rounding
	}
	if len(truth) > 1 {
		r2 := r2Score(residual, total)
		metrics.R2 = &r2
	}
	return metrics, nil
}

func r2Score(residual, total float64) float64 {
	switch {
	case residual == 0:
		return 1
	case total == 0:
		return 0
	default:
		return 1 - residual/total
	}
}

func finite(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0)
}

// checkPaired demands two columns of the same, positive length.
func checkPaired(truth, pred int) error {
	if truth != pred {
		return fmt.Errorf("%d true values but %d predictions; they must match row by row", truth, pred)
	}
	if truth == 0 {
		return ErrNoData
	}
	return nil
}
