package governance

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/internal/spec"
)

// Names of the metrics that policies read: share of right answers on the test
// rows in [0, 1], and mean inference latency in milliseconds.
const (
	MetricAccuracy      = "accuracy"
	MetricLatencyMeanMS = "latency_mean_ms"
)

// CompliantScore is the least overall score of a compliant release (capability G2).
const CompliantScore = 0.8

// CheckResult is one check of a policy: what is required, what was found.
type CheckResult struct {
	Name     string `json:"name"`
	Required string `json:"required"`
	Actual   string `json:"actual"`
	Passed   bool   `json:"passed"`
}

// PolicyResult is what one policy says.
type PolicyResult struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Blocking bool   `json:"blocking"`
	// Score is the share of the checks that passed, in [0, 1].
	Score float64 `json:"score"`
	// Passed: all checks did.
	Passed bool          `json:"passed"`
	Checks []CheckResult `json:"checks"`
}

// Evaluation is what all policies say together.
type Evaluation struct {
	Policies []PolicyResult `json:"policies"`
	// Score is the mean of the policies' scores; 1 without policies.
	Score     float64 `json:"score"`
	Compliant bool    `json:"compliant"`
	// Summary is one sentence for people.
	Summary string `json:"summary"`
}

// Evaluate applies the policies to what the gates measured. A release complies
// with a score of CompliantScore or more and no failed blocking policy. A value
// that was not measured, or is not finite, fails its check.
//
// metrics are the model tests' numbers by the names above; quality has the data
// quality checks by name (spec.QualityChecks), each in [0, 1]; documents are the release's by kind.
func Evaluate(policies []spec.Policy, metrics, quality map[string]float64, documents map[string]spec.File) Evaluation {
	if len(policies) == 0 {
		return Evaluation{Score: 1, Compliant: true, Summary: "no policy is declared"}
	}
	var e Evaluation
	var sum float64
	for _, p := range policies {
		r := PolicyResult{Name: p.Name, Type: string(p.Type), Blocking: p.Blocking, Checks: checks(p, metrics, quality, documents)}
		r.Score = share(r.Checks)
		r.Passed = r.Score == 1
		sum += r.Score
		e.Policies = append(e.Policies, r)
	}
	e.Score = sum / float64(len(policies))
	blocked := blocking(e.Policies)
	const rounding = 1e-9 // the mean of 1, 1/3 and so on may fall short of an exact 0.8
	e.Compliant = e.Score >= CompliantScore-rounding && blocked == ""
	e.Summary = summary(e, blocked)
	return e
}

func checks(p spec.Policy, metrics, quality map[string]float64, documents map[string]spec.File) []CheckResult {
	var out []CheckResult
	switch p.Type {
	case spec.PolicyPerformance:
		out = append(out,
			atLeast(MetricAccuracy, metrics, or(p.MinAccuracy, spec.DefaultMinAccuracy)),
			atMost(MetricLatencyMeanMS, metrics, or(p.MaxLatencyMS, spec.DefaultMaxLatencyMS)))
	case spec.PolicyDataQuality:
		for _, name := range required(p) {
			out = append(out, atLeast(name, quality, or(p.MinScore, spec.DefaultMinScore)))
		}
	case spec.PolicyDocumentation:
		for _, kind := range required(p) {
			c := CheckResult{Name: kind, Required: "present", Actual: "missing"}
			if f := documents[kind]; !f.IsZero() {
				c.Actual, c.Passed = "present", true
				if f.Digest != "" {
					c.Actual = f.Digest
				}
			}
			out = append(out, c)
		}
	default: // refused when a spec is loaded; a workflow input written by other means may still have one
		out = append(out, CheckResult{Name: "type", Required: "a known policy type", Actual: strconv.Quote(string(p.Type))})
	}
	return out
}

func required(p spec.Policy) []string {
	if p.Required != nil {
		return p.Required
	}
	return spec.DefaultRequired(p.Type)
}

func or(v *float64, otherwise float64) float64 {
	if v == nil {
		return otherwise
	}
	return *v
}

func atLeast(name string, values map[string]float64, limit float64) CheckResult {
	c, v, ok := measured(name, values)
	c.Required, c.Passed = "at least "+number(limit), ok && v >= limit
	return c
}

func atMost(name string, values map[string]float64, limit float64) CheckResult {
	c, v, ok := measured(name, values)
	c.Required, c.Passed = "at most "+number(limit), ok && v <= limit
	return c
}

func measured(name string, values map[string]float64) (CheckResult, float64, bool) {
	v, ok := values[name]
	switch {
	case !ok:
		return CheckResult{Name: name, Actual: "not measured"}, 0, false
	case math.IsNaN(v) || math.IsInf(v, 0):
		return CheckResult{Name: name, Actual: "not a finite number"}, 0, false
	}
	return CheckResult{Name: name, Actual: number(v)}, v, true
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// share of the checks that passed; a policy that checks nothing proves nothing.
func share(checks []CheckResult) float64 {
	if len(checks) == 0 {
		return 0
	}
	passed := 0
	for _, c := range checks {
		if c.Passed {
			passed++
		}
	}
	return float64(passed) / float64(len(checks))
}

// blocking tells why the first failed blocking policy stops the release; empty when none does.
func blocking(policies []PolicyResult) string {
	for _, p := range policies {
		if p.Blocking && !p.Passed {
			return fmt.Sprintf("blocking policy %q failed: %s", p.Name, failures(p))
		}
	}
	return ""
}

func failures(p PolicyResult) string {
	if len(p.Checks) == 0 {
		return "it checks nothing"
	}
	var out []string
	for _, c := range p.Checks {
		if !c.Passed {
			out = append(out, fmt.Sprintf("%s is %s, required %s", c.Name, c.Actual, c.Required))
		}
	}
	return strings.Join(out, ", ")
}

func summary(e Evaluation, blocked string) string {
	passed := 0
	var failed []string
	for _, p := range e.Policies {
		if p.Passed {
			passed++
		} else {
			failed = append(failed, fmt.Sprintf("%q: %s", p.Name, failures(p)))
		}
	}
	head := fmt.Sprintf("%d of %d policies passed, score %.2f (required %.2f)", passed, len(e.Policies), e.Score, CompliantScore)
	switch {
	case blocked != "":
		return head + "; " + blocked
	case len(failed) > 0:
		return head + "; failed: " + strings.Join(failed, "; ")
	}
	return head
}
