package modeltest

import (
	"errors"
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

// production scores the model in production on the same rows. A nil result is
// the finished Test, skipped: there is nothing to compare with. That production
// cannot answer these rows is no fault of the candidate.
func (s *suite) production() (*scored, Test) {
	if s.in.Production == nil {
		return nil, skip("no version is in production")
	}
	if s.scored == nil {
		return nil, skip("not run: the candidate could not be scored, see above")
	}
	found, err := s.scoreProduction()
	if err != nil {
		return nil, skip("not compared: version %s in production cannot answer these rows: %s", s.in.ProductionVersion, err)
	}
	return found, Test{}
}

func (s *suite) scoreProduction() (_ *scored, err error) {
	session, err := s.runtime.Open(s.in.Production, onnx.Options{Device: s.in.Device})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	// The names of production's outputs are in its own release; it is read by the candidate's where they exist, else by default.
	outputs := s.in.Spec.Outputs
	for _, name := range []*string{&outputs.Label, &outputs.Probabilities} {
		if !hasOutput(session, *name) {
			*name = ""
		}
	}
	return s.score(session, outputs)
}

func hasOutput(session *onnx.Session, name string) bool {
	for _, out := range session.Outputs() {
		if out.Name == name {
			return true
		}
	}
	return false
}

// classificationAgainstProduction compares right answers row by row (C4). The
// candidate fails if its accuracy falls by more than the limit, or if the exact
// one-sided McNemar test says that it is worse.
func (s *suite) classificationAgainstProduction() Test {
	production, done := s.production()
	if production == nil {
		return done
	}
	old, candidate := production.right(), s.scored.right()
	onlyOld, onlyNew := int64(0), int64(0)
	for i := range old {
		switch {
		case old[i] && !candidate[i]:
			onlyOld++
		case candidate[i] && !old[i]:
			onlyNew++
		}
	}
	rows := float64(len(old))
	before, after := float64(count(old))/rows, float64(count(candidate))/rows
	return s.compare(onlyOld, onlyNew, before-after, maxDrop(s.in.Tests.AgainstProduction),
		fmt.Sprintf("accuracy %.4f, version %s in production %.4f; right alone: candidate %d rows, production %d rows", after, s.in.ProductionVersion, before, onlyNew, onlyOld))
}

// regressionAgainstProduction compares absolute errors row by row (C4): the
// same exact test on which model is nearer to the truth, that is a sign test. It
// counts only if the candidate's RMSE is larger too.
func (s *suite) regressionAgainstProduction() Test {
	production, done := s.production()
	if production == nil {
		return done
	}
	onlyOld, onlyNew := int64(0), int64(0)
	var before, after float64
	for i, want := range s.scored.truth.values {
		old, candidate := math.Abs(*production.predictions[i].Value-want), math.Abs(*s.scored.predictions[i].Value-want)
		before, after = before+old*old, after+candidate*candidate
		switch {
		case old < candidate:
			onlyOld++
		case candidate < old:
			onlyNew++
		}
	}
	rows := float64(s.in.Test.Rows())
	before, after = math.Sqrt(before/rows), math.Sqrt(after/rows)
	detail := fmt.Sprintf("RMSE %.4g, version %s in production %.4g; nearer: candidate in %d rows, production in %d rows", after, s.in.ProductionVersion, before, onlyNew, onlyOld)
	if after <= before {
		return pass(number(after), number(before), "%s", detail)
	}
	return s.compare(onlyOld, onlyNew, 0, math.Inf(1), detail)
}

// compare decides from the rows on which only one model does well, and from the drop.
func (s *suite) compare(onlyOld, onlyNew int64, drop, limit float64, detail string) Test {
	alpha := s.in.Tests.AgainstProduction.Alpha
	p, err := stats.McNemarGreater(onlyOld, onlyNew)
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	value := fmt.Sprintf("drop %.4f, p %.4g", drop, p)
	bound := fmt.Sprintf("drop at most %.4g, p at least %.4g", limit, alpha)
	t := pass(value, bound, "%s", detail)
	switch {
	case drop > limit && p < alpha:
		t.Error = fmt.Sprintf("worse than production: %s; accuracy drops by %.4f, the limit is %.4g, and the difference is no chance (p %.4g < %.4g)", detail, drop, limit, p, alpha)
	case drop > limit:
		t.Error = fmt.Sprintf("worse than production: %s; accuracy drops by %.4f, the limit is %.4g (p %.4g)", detail, drop, limit, p)
	case p < alpha:
		t.Error = fmt.Sprintf("worse than production: %s; the difference is no chance (p %.4g < %.4g)", detail, p, alpha)
	}
	if t.Error != "" {
		t.Status, t.Passed, t.Detail = StatusFailed, false, "" // the reason holds it all
	}
	return t
}

func maxDrop(a spec.Against) float64 {
	if a.MaxAccuracyDrop == nil {
		return 0.05
	}
	return *a.MaxAccuracyDrop
}
