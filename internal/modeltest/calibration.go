package modeltest

import (
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

// calibrate records how well probabilities are frequencies: of the second of
// two classes; of more classes, of the one with the highest score.
func (s *suite) calibrate(c *classified) error {
	if c.scores == nil {
		return nil
	}
	class := len(c.classes) - 1
	of := "class " + c.classes[class]
	if !c.binary() {
		of = "the most probable class"
	}
	events, probabilities := make([]bool, len(c.truth)), make([]float64, len(c.truth))
	for i, row := range c.scores {
		if !c.binary() {
			class = highest(row)
		}
		events[i], probabilities[i] = c.truth[i] == int64(class), row[class]
	}
	count, err := stats.EqualCount(events, probabilities, s.in.Tests.Calibration.Bins)
	if err != nil {
		return err
	}
	width, err := stats.EqualWidth(events, probabilities, s.in.Tests.Calibration.Bins)
	if err != nil {
		return err
	}
	out := &Calibration{Of: of, ECE: count.ECE(), ECEWidth: width.ECE(), Brier: count.Brier()}
	out.Reliability, out.Resolution, out.Uncertainty, out.Within = count.Decompose()
	for _, b := range count.Bins {
		bin := CalibrationBin{Rows: b.Rows, Predicted: b.Predicted, Observed: b.Observed}
		came := int64(b.Observed*float64(b.Rows) + 0.5)
		if bin.Low, bin.High, err = stats.Wilson(came, int64(b.Rows), 0.05); err != nil {
			return err
		}
		out.Bins = append(out.Bins, bin)
	}
	s.report.Calibration = out
	s.report.measure("ece", out.ECE)
	return nil
}

func highest(row []float64) int {
	best := 0
	for i, p := range row {
		if p > row[best] {
			best = i
		}
	}
	return best
}

// calibrationLimits holds the limits that the spec sets (C4).
func (s *suite) calibrationLimits() Test {
	limits := s.in.Tests.Calibration
	found := s.report.Calibration
	if found == nil {
		return s.impossible("the model gives no probabilities")
	}
	brier := s.report.Metrics["brier"]
	t := pass(number(found.ECE), describeCalibration(limits), "expected calibration error of %s over %d bins of equally many rows, %.4f over bins of equal width; Brier score %.4f",
		found.Of, len(found.Bins), found.ECEWidth, brier)
	switch {
	case limits.MaxECE != nil && found.ECE > *limits.MaxECE:
		return t.failed("the expected calibration error %.4f is above the limit %.4g; calibrate the model's probabilities on rows of their own", found.ECE, *limits.MaxECE)
	case limits.MaxBrier != nil && brier > *limits.MaxBrier:
		return t.failed("the Brier score %.4f is above the limit %.4g", brier, *limits.MaxBrier)
	}
	return t
}

func describeCalibration(c spec.Calibration) any {
	switch {
	case c.MaxECE != nil:
		return *c.MaxECE
	case c.MaxBrier != nil:
		return "Brier " + text(*c.MaxBrier)
	}
	return nil
}
