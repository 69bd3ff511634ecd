package canary

import (
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/stats"
)

// Names of the checks, as they stand in an Analysis.
const (
	// CheckErrors compares the candidate's share of errors with production's.
	CheckErrors = "errors_vs_production"
	// CheckErrorRate compares the candidate's share of errors with max_error_rate.
	CheckErrorRate = "error_rate"
	// CheckLatency compares the candidate's latency quantile with production's.
	CheckLatency = "latency_vs_production"
)

// Judge says what one look at the two arms means.
//
//   - fail: at least one check shows harm at its share of the look's level.
//     Harm counts at once, however few the answers: the tests are exact.
//   - hold: no harm, but fewer than min_samples answers of the candidate in this step.
//   - pass: no harm in enough answers.
//
// The arms hold everything since the canary began, which is what the checks
// use; inStep is how many of the candidate's answers came in the current step.
//
// Without a baseline (a first release) only the absolute error rate is
// checked, and no number of answers is asked for: there is no production
// traffic to wait for and nothing better to go back to.
func Judge(cand, base ArmStats, inStep int64, in contract.AnalyseInput) contract.Analysis {
	cand, base = cand.sane(), base.sane()
	limits := in.Analysis
	level := stats.AlphaSpend(limits.Alpha, in.Look)
	out := contract.Analysis{
		Look: in.Look, Alpha: level,
		Candidate: cand.arm(limits.LatencyQuantile),
		Baseline:  base.arm(limits.LatencyQuantile),
	}
	if in.Baseline {
		share := level / 3
		out.Checks = []contract.Check{
			errorsCheck(cand, base, share),
			errorRateCheck(cand, limits.MaxErrorRate, share),
			latencyCheck(cand, base, limits, share),
		}
	} else {
		out.Checks = []contract.Check{errorRateCheck(cand, limits.MaxErrorRate, level)}
	}
	for i := range out.Checks {
		finite(&out.Checks[i])
	}
	out.Verdict, out.Reason = verdict(out, inStep, limits.MinSamples, in.Baseline)
	return out
}

func verdict(a contract.Analysis, inStep, minSamples int64, baseline bool) (contract.AnalysisVerdict, string) {
	var harm []string
	for _, c := range a.Checks {
		if c.Failed {
			harm = append(harm, c.Detail)
		}
	}
	switch n := a.Candidate.Requests; {
	case len(harm) > 0:
		return contract.AnalysisFail, strings.Join(harm, "; ")
	case baseline && inStep < minSamples:
		return contract.AnalysisHold, fmt.Sprintf("%d of %d answers of %s in this step, no sign of harm so far", max(inStep, 0), minSamples, name(a.Candidate, "the candidate"))
	case !baseline:
		return contract.AnalysisPass, fmt.Sprintf("no version in production to compare with; %d errors in %d answers of %s", a.Candidate.Errors, n, name(a.Candidate, "the candidate"))
	case a.Baseline.Requests == 0:
		return contract.AnalysisPass, fmt.Sprintf("%d errors in %d answers of %s; production answered nothing to compare with", a.Candidate.Errors, n, name(a.Candidate, "the candidate"))
	default:
		return contract.AnalysisPass, fmt.Sprintf("no sign of harm: %d errors in %d answers of %s, %d in %d of %s",
			a.Candidate.Errors, n, name(a.Candidate, "the candidate"), a.Baseline.Errors, a.Baseline.Requests, name(a.Baseline, "production"))
	}
}

func name(a contract.Arm, otherwise string) string {
	if a.Version == "" {
		return otherwise
	}
	return a.Version
}
