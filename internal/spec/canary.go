package spec

import "math"

// Canary is how traffic moves to the candidate (capability S8).
type Canary struct {
	Steps    []Step   `yaml:"steps,omitempty" json:"steps" jsonschema:"minItems=1,maxItems=100" jsonschema_description:"Weights in rising order; the last is 100. Default: 5, 25, 50 and 100 % for 60 s each."`
	Analysis Analysis `yaml:"analysis,omitempty" json:"analysis" jsonschema_description:"How the candidate is compared with production at each step."`
	// WarmUp bounds how long the gateways may take to load and warm the candidate.
	WarmUp Duration `yaml:"warm_up,omitempty" json:"warm_up" jsonschema:"default=5m" jsonschema_description:"How long the gateways may take to load and warm the candidate."`
}

// Step is one weight and how long it is watched at least.
type Step struct {
	Weight   float64  `yaml:"weight" json:"weight" jsonschema:"exclusiveMinimum=0,maximum=100" jsonschema_description:"Per cent of the traffic that goes to the candidate, a multiple of 0.1."`
	Duration Duration `yaml:"duration" json:"duration" jsonschema_description:"How long the step is watched at least."`
}

// Permille is the weight in thousandths.
func (s Step) Permille() int { return int(math.Round(s.Weight * 10)) }

// Analysis is how the candidate is compared with production at each step.
type Analysis struct {
	Interval Duration `yaml:"interval,omitempty" json:"interval" jsonschema:"default=10s" jsonschema_description:"Time between two looks at the numbers."`
	// MinSamples is the least number of answers of the candidate in a step before it may pass.
	MinSamples int64 `yaml:"min_samples,omitempty" json:"min_samples" jsonschema:"minimum=1,default=50" jsonschema_description:"Answers of the candidate that a step needs before it may pass."`
	// HoldDeadline bounds how long a step waits beyond its duration for samples; then the canary rolls back.
	HoldDeadline Duration `yaml:"hold_deadline,omitempty" json:"hold_deadline" jsonschema:"default=10m" jsonschema_description:"How long a step waits beyond its duration for samples; then the canary rolls back."`
	// Alpha is the probability that a candidate as good as production is rolled back, over the whole canary.
	Alpha float64 `yaml:"alpha,omitempty" json:"alpha" jsonschema:"exclusiveMinimum=0,maximum=0.5,default=0.05" jsonschema_description:"Probability that a candidate as good as production is rolled back, over the whole canary."`
	// MaxErrorRate fails the step when the candidate's error rate is surely above it.
	MaxErrorRate float64 `yaml:"max_error_rate,omitempty" json:"max_error_rate" jsonschema:"exclusiveMinimum=0,maximum=1,default=0.1" jsonschema_description:"Fails the step when the candidate's error rate is surely above this share of the answers."`
	// MaxLatencyRatio fails the step when the candidate's latency quantile is surely above this multiple of production's.
	MaxLatencyRatio float64 `yaml:"max_latency_ratio,omitempty" json:"max_latency_ratio" jsonschema:"minimum=1,default=2" jsonschema_description:"Fails the step when the candidate's latency quantile is surely above this multiple of production's."`
	// LatencyQuantile is the quantile compared.
	LatencyQuantile float64 `yaml:"latency_quantile,omitempty" json:"latency_quantile" jsonschema:"exclusiveMinimum=0,exclusiveMaximum=1,default=0.95" jsonschema_description:"Quantile of the latency that is compared."`
	// LatencyFloorMS: quantiles below it are never called slow; timing noise of tiny models is not a regression.
	LatencyFloorMS float64 `yaml:"latency_floor_ms,omitempty" json:"latency_floor_ms" jsonschema:"exclusiveMinimum=0,default=5" jsonschema_description:"Quantiles below this many milliseconds are never called slow."`
}
