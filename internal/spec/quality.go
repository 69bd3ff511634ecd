package spec

// MetricLimit bounds one metric of the report.
type MetricLimit struct {
	Metric string   `yaml:"metric" json:"metric" jsonschema:"minLength=1" jsonschema_description:"Name of the metric, as in the report: auc, f1, mcc, brier, mae and so on."`
	Min    *float64 `yaml:"min,omitempty" json:"min,omitempty" jsonschema_description:"Least value."`
	Max    *float64 `yaml:"max,omitempty" json:"max,omitempty" jsonschema_description:"Largest value."`
	// Confident holds the limit against the unfavourable end of the confidence interval.
	Confident bool `yaml:"confident,omitempty" json:"confident" jsonschema:"default=false" jsonschema_description:"Holds the limit against the end of the confidence interval that is nearer to it or beyond it, not against the estimate."`
}

// Intervals configures the confidence intervals of the metrics.
type Intervals struct {
	Level     float64 `yaml:"level,omitempty" json:"level" jsonschema:"minimum=0.5,maximum=0.999,default=0.95" jsonschema_description:"Confidence of each interval."`
	Resamples int     `yaml:"resamples,omitempty" json:"resamples" jsonschema:"minimum=200,maximum=100000,default=1000" jsonschema_description:"Resamples of the bootstrap; fewer for many rows, and for very many the grouped jackknife takes its place."`
}

// Calibration bounds how far probabilities may be from frequencies; nil is no limit.
type Calibration struct {
	Bins     int      `yaml:"bins,omitempty" json:"bins" jsonschema:"minimum=2,maximum=100,default=10" jsonschema_description:"Bins of the expected calibration error."`
	MaxECE   *float64 `yaml:"max_ece,omitempty" json:"max_ece,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Largest expected calibration error, over bins of equally many rows."`
	MaxBrier *float64 `yaml:"max_brier,omitempty" json:"max_brier,omitempty" jsonschema:"minimum=0,maximum=2" jsonschema_description:"Largest Brier score."`
}

// Slices configures how parts of the test rows are looked at.
type Slices struct {
	MinRows int `yaml:"min_rows,omitempty" json:"min_rows" jsonschema:"minimum=5,default=30" jsonschema_description:"Fewest rows of a slice."`
	// Search looks for weak slices over single columns and pairs of them; default true.
	Search *bool `yaml:"search,omitempty" json:"search" jsonschema:"default=true" jsonschema_description:"Whether weak slices are looked for, over single columns and pairs."`
	// Alpha is the probability that the search finds any where there is none.
	Alpha float64 `yaml:"alpha,omitempty" json:"alpha" jsonschema:"minimum=0.001,maximum=0.5,default=0.05" jsonschema_description:"Probability that the search finds a weak slice where there is none."`
	// Weak says what a weak slice that was found means for the release.
	Weak  Finding `yaml:"weak,omitempty" json:"weak" jsonschema:"enum=report,enum=fail,default=report" jsonschema_description:"What a weak slice that was found means for the release."`
	Given []Slice `yaml:"given,omitempty" json:"given,omitempty" jsonschema_description:"Slices to look at, each with its limits."`
}

// Finding is what something that was found means for the release.
type Finding string

// Findings.
const (
	FindingReported Finding = "report"
	FindingFails    Finding = "fail"
)

// Slice is a part of the test rows, by an expression over the columns.
type Slice struct {
	Name        string   `yaml:"name" json:"name" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"Name of the slice; each its own."`
	Where       string   `yaml:"where" json:"where" jsonschema:"minLength=1" jsonschema_description:"Which rows, as an expression over the columns: age < 26 and sex == 'female'."`
	MinAccuracy *float64 `yaml:"min_accuracy,omitempty" json:"min_accuracy,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Classification: least accuracy on the slice."`
	MaxRMSE     *float64 `yaml:"max_rmse,omitempty" json:"max_rmse,omitempty" jsonschema:"minimum=0" jsonschema_description:"Regression: largest root mean squared error on the slice."`
}

// Kinds of metamorphic relation.
const (
	Monotone    = "monotone"
	Indifferent = "indifferent"
	Stable      = "stable"
)

// Directions of a monotone relation.
const (
	Increasing = "increasing"
	Decreasing = "decreasing"
)

// Metamorphic is a relation between the answers to a row and to the same row
// changed: monotone in a column, indifferent to columns, or stable under small noise.
type Metamorphic struct {
	Name      string   `yaml:"name" json:"name" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"Name of the relation; each its own."`
	Kind      string   `yaml:"kind" json:"kind" jsonschema:"enum=monotone,enum=indifferent,enum=stable" jsonschema_description:"monotone in one column, indifferent to columns, or stable under small noise."`
	Columns   []string `yaml:"columns,omitempty" json:"columns,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"Columns that change: one for monotone; for stable all numbers where left out."`
	Direction string   `yaml:"direction,omitempty" json:"direction,omitempty" jsonschema:"enum=increasing,enum=decreasing" jsonschema_description:"Monotone: which way the answer may go as the column rises."`
	// Class is whose probability is looked at; default the last class.
	Class string  `yaml:"class,omitempty" json:"class,omitempty" jsonschema_description:"Classification: class whose probability is looked at; the last one where left out."`
	Noise float64 `yaml:"noise,omitempty" json:"noise,omitempty" jsonschema:"minimum=0,maximum=1,default=0" jsonschema_description:"Stable: standard deviation of the noise as a share of the column's; 0 means 0.01."`
	// Tolerance is the largest change that is no violation.
	Tolerance float64 `yaml:"tolerance,omitempty" json:"tolerance,omitempty" jsonschema:"minimum=0,default=0" jsonschema_description:"Largest change of the probability, or of the value, that breaks nothing; 0 means tests.tolerance, and for stable with classes that only the class must stay."`
	// MaxViolations is the share of rows that may break the relation.
	MaxViolations float64 `yaml:"max_violations,omitempty" json:"max_violations" jsonschema:"minimum=0,maximum=1,default=0" jsonschema_description:"Largest share of rows that may break the relation."`
}

// DefaultNoise is the noise of a stable relation that names none.
const DefaultNoise = 0.01

// Leakage bounds what the test rows give away.
type Leakage struct {
	MaxOverlap *float64 `yaml:"max_overlap,omitempty" json:"max_overlap" jsonschema:"minimum=0,maximum=1,default=0.05" jsonschema_description:"Largest share of test rows whose features all stand in a training row."`
	MaxScore   *float64 `yaml:"max_score,omitempty" json:"max_score" jsonschema:"minimum=0,maximum=1,default=0.99" jsonschema_description:"Largest share of the label's uncertainty that one column may explain on its own."`
}

// Demand is how the candidate must stand against the simple models.
type Demand string

// Demands.
const (
	DemandNotWorse Demand = "not_worse" // not significantly worse than any
	DemandBetter   Demand = "better"    // significantly better than each
	DemandNone     Demand = "none"      // compared, and told
)

// Baseline configures the comparison with simple models.
type Baseline struct {
	Require Demand  `yaml:"require,omitempty" json:"require" jsonschema:"enum=not_worse,enum=better,enum=none,default=not_worse" jsonschema_description:"Whether the candidate must be significantly better than the simple models, must not be significantly worse, or is only compared."`
	Alpha   float64 `yaml:"alpha,omitempty" json:"alpha" jsonschema:"exclusiveMinimum=0,maximum=0.5,default=0.05" jsonschema_description:"Level of the paired test."`
}

// SetQualityDefaults fills in the defaults of the quality tests (C4). It is
// exported for inputs that an older version wrote.
func (t *Tests) SetQualityDefaults() {
	orPoint(&t.AgainstProduction.MaxAccuracyDrop, 0.05)
	orSet(&t.AgainstProduction.Alpha, 0.05)
	orPoint(&t.AgainstProduction.MaxNegativeFlipRate, 1)
	orSet(&t.Intervals.Level, 0.95)
	orSet(&t.Intervals.Resamples, 1000)
	orSet(&t.Calibration.Bins, 10)
	orSet(&t.Slices.MinRows, 30)
	orPoint(&t.Slices.Search, true)
	orSet(&t.Slices.Alpha, 0.05)
	orSet(&t.Slices.Weak, FindingReported)
	orPoint(&t.Leakage.MaxOverlap, 0.05)
	orPoint(&t.Leakage.MaxScore, 0.99)
	orSet(&t.Baseline.Require, DemandNotWorse)
	orSet(&t.Baseline.Alpha, 0.05)
}

// dropEmpty makes an empty list the same as none.
func (t *Tests) dropEmpty() {
	if len(t.Limits) == 0 {
		t.Limits = nil
	}
	if len(t.Slices.Given) == 0 {
		t.Slices.Given = nil
	}
	if len(t.Metamorphic) == 0 {
		t.Metamorphic = nil
	}
	for i := range t.Metamorphic {
		if len(t.Metamorphic[i].Columns) == 0 {
			t.Metamorphic[i].Columns = nil
		}
	}
}
