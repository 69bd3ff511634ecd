package modeltest

import (
	"cmp"
	"errors"
	"fmt"

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
	if s.in.answered != nil {
		return s.in.answered.scored(s)
	}
	session, err := s.load(s.in.Production, s.in.productionSpec())
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

func hasOutput(session session, name string) bool {
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
	other, err := classify(production)
	if err != nil {
		return skip("not compared: the answers of version %s in production cannot be read: %s", s.in.ProductionVersion, err)
	}
	old, candidate := other.right(), s.classified.right()
	found, err := s.tally(func(i int) int { return int(candidate[i] - old[i]) })
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	flips, rate := found.Worse, float64(found.Worse)/float64(found.Rows)
	found.NegativeFlips, found.NegativeFlipRate = &flips, &rate
	if pairs, err := s.pair(s.classified, other); err == nil { // else one row, of which nothing can be drawn
		if found.Metrics, err = s.differences(pairs); err != nil {
			return fail(nil, nil, "%s", err)
		}
	}
	s.report.Comparison = found
	before, after := other.matrix.Accuracy(), s.classified.matrix.Accuracy()
	return s.againstAccuracy(found, before, after)
}

func (s *suite) againstAccuracy(found *Comparison, before, after float64) Test {
	limits := s.in.Tests.AgainstProduction
	drop, limit, alpha := before-after, *limits.MaxAccuracyDrop, limits.Alpha
	detail := fmt.Sprintf("accuracy %.4f, version %s in production %.4f; right alone: candidate %d rows, production %d rows",
		after, s.in.ProductionVersion, before, found.Better, found.Worse)
	t := pass(fmt.Sprintf("drop %.4f, p %.4g", drop, found.P), fmt.Sprintf("drop at most %.4g, p at least %.4g", limit, alpha), "%s", detail)
	reason := ""
	switch {
	case drop > limit && found.P < alpha:
		reason = fmt.Sprintf("accuracy drops by %.4f, the limit is %.4g, and the difference is no chance (p %.4g < %.4g)", drop, limit, found.P, alpha)
	case drop > limit:
		reason = fmt.Sprintf("accuracy drops by %.4f, the limit is %.4g (p %.4g)", drop, limit, found.P)
	case found.P < alpha:
		reason = fmt.Sprintf("the difference is no chance (p %.4g < %.4g)", found.P, alpha)
	}
	if reason != "" {
		t.Detail = "" // the reason holds it all
		return t.failed("worse than production: %s; %s", detail, reason)
	}
	return t
}

// regressionAgainstProduction compares errors row by row (C4). The candidate
// fails if the paired studentized test says that its RMSE is larger.
func (s *suite) regressionAgainstProduction() Test {
	production, done := s.production()
	if production == nil {
		return done
	}
	other := regress(production)
	old, candidate := other.distances(), s.regressed.distances()
	found, err := s.tally(func(i int) int { return cmp.Compare(old[i], candidate[i]) })
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	pairs, err := s.pair(s.regressed, other)
	if err != nil {
		return skip("not compared: %s", err)
	}
	if found.Metrics, err = s.differences(pairs); err != nil {
		return fail(nil, nil, "%s", err)
	}
	s.report.Comparison = found
	p, err := pairs.above("rmse")
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	alpha := s.in.Tests.AgainstProduction.Alpha
	after, before := s.regressed.metrics()(nil)[0], other.metrics()(nil)[0]
	t := pass(fmt.Sprintf("RMSE %.4g, p %.4g", after, p), fmt.Sprintf("p at least %.4g", alpha),
		"RMSE %.4g, version %s in production %.4g; nearer: candidate in %d rows, production in %d rows", after, s.in.ProductionVersion, before, found.Better, found.Worse)
	if after > before && p < alpha {
		t.Error, t.Detail = t.Detail, ""
		return t.failed("worse than production: %s; the difference is no chance (p %.4g < %.4g)", t.Error, p, alpha)
	}
	return t
}

// tally counts the rows on which only one of the models does well: sign says 1
// for the candidate and -1 for production.
func (s *suite) tally(sign func(row int) int) (*Comparison, error) {
	out := &Comparison{Version: s.in.ProductionVersion, Rows: s.in.Test.Rows()}
	for i := range out.Rows {
		switch sign(i) {
		case 1:
			out.Better++
		case -1:
			out.Worse++
		}
	}
	var err error
	if out.P, err = stats.McNemarGreater(out.Worse, out.Better); err != nil {
		return nil, err
	}
	out.MidP, err = stats.McNemarGreaterMidP(out.Worse, out.Better)
	return out, err
}

// negativeFlips holds the limits on what production gets right and the candidate wrong (C4).
func (s *suite) negativeFlips() Test {
	found := s.report.Comparison
	switch {
	case s.in.Production == nil:
		return skip("no version is in production")
	case found == nil:
		return skip("not run: there is no comparison with production, see above")
	}
	limits := s.in.Tests.AgainstProduction
	flips, rate := *found.NegativeFlips, *found.NegativeFlipRate
	limit := "share at most " + text(*limits.MaxNegativeFlipRate)
	if limits.MaxNegativeFlips > 0 {
		limit += ", rows at most " + text(limits.MaxNegativeFlips)
	}
	t := pass(flips, limit, "%d of %d rows (%.4f) are right in production and wrong now; %d the other way", flips, found.Rows, rate, found.Better)
	switch {
	case rate > *limits.MaxNegativeFlipRate:
		return t.failed("%.4f of the rows that version %s answers are right there and wrong now, the limit is %.4g", rate, found.Version, *limits.MaxNegativeFlipRate)
	case limits.MaxNegativeFlips > 0 && flips > int64(limits.MaxNegativeFlips):
		return t.failed("%d rows are right in version %s and wrong now, the limit is %d", flips, found.Version, limits.MaxNegativeFlips)
	}
	return t
}
