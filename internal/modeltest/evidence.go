package modeltest

// Evidence is what the quality tests (C4) found beyond a verdict; what was not
// looked at is absent. The fields are append-only.
type Evidence struct {
	// Intervals are the confidence intervals of Report.Metrics, by name.
	Intervals map[string]Interval `json:"intervals,omitempty"`
	// Calibration is nil for a regression and for a model without probabilities.
	Calibration *Calibration `json:"calibration,omitempty"`
	// Curves are the ROC and precision-recall curves: of the second of two
	// classes, or of each against the rest, at most ten; absent where auc is.
	Curves []Curve `json:"curves,omitempty"`
	// Residuals are those of a regression; nil where the label is personal.
	Residuals *Residuals `json:"residuals,omitempty"`
	// Slices are those that the spec gives, in its order, then the weak ones that were found.
	Slices []Slice `json:"slices,omitempty"`
	// SliceSearch says what the search for weak slices looked at.
	SliceSearch *SliceSearch `json:"slice_search,omitempty"`
	// Comparison is nil if no version is in production, or if it cannot answer the rows.
	Comparison *Comparison `json:"comparison,omitempty"`
	// Baselines are simple models that the candidate should beat.
	Baselines []Baseline `json:"baselines,omitempty"`
	// Leakage is nil without training rows.
	Leakage *Leakage `json:"leakage,omitempty"`
	// Metamorphic has one entry for each relation of the spec.
	Metamorphic []Relation `json:"metamorphic,omitempty"`
}

// Interval is a two-sided confidence interval of a metric.
type Interval struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Level float64 `json:"level"` // such as 0.95
	// Method is "wilson", "delong" (on the logit scale), "studentized bootstrap, n resamples"
	// (on the log scale), "bca bootstrap, n resamples" or, of very many rows, "delta method" and "jackknife, n groups";
	// ", Pareto tail" after it where the interval knows of a heavy tail, "paired" before it where it is of a difference of two models.
	Method string `json:"method"`
	// Remark says why the interval may not hold at its level; absent where nothing speaks against it.
	Remark string `json:"remark,omitempty"`
}

// Calibration says how well probabilities are frequencies.
type Calibration struct {
	// Of says whose probability is meant: of a class, or of the predicted class where there are more than two.
	Of string `json:"of"`
	// ECE is the expected calibration error over bins of equally many rows,
	// ECEWidth that over bins of equal width.
	ECE      float64 `json:"ece"`
	ECEWidth float64 `json:"ece_width"`
	// Brier = Reliability - Resolution + Uncertainty + Within; Within is what
	// the bins do not resolve.
	Brier       float64 `json:"brier"`
	Reliability float64 `json:"reliability"`
	Resolution  float64 `json:"resolution"`
	Uncertainty float64 `json:"uncertainty"`
	Within      float64 `json:"within"`
	// Bins are those of ECE, the points of the reliability curve, ascending.
	Bins []CalibrationBin `json:"bins"`
}

// CalibrationBin is one point of a reliability curve.
type CalibrationBin struct {
	Rows      int     `json:"rows"`
	Predicted float64 `json:"predicted"` // mean probability
	Observed  float64 `json:"observed"`  // share of rows in which it came true
	Low       float64 `json:"low"`       // of the 95 % Wilson interval of Observed
	High      float64 `json:"high"`
}

// Slice is how the model does on some of the rows.
type Slice struct {
	// Name is the spec's, or the condition that was found; values of personal columns are not in it.
	Name  string `json:"name"`
	Given bool   `json:"given"` // by the spec; else found
	Rows  int    `json:"rows"`
	// Metric is accuracy or, of a regression, mae for slices found and rmse for slices given.
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	Rest   float64 `json:"rest"` // the metric on all other rows
	// Interval is that of Value; nil for slices found, whose value was picked for being bad.
	Interval *Interval `json:"interval,omitempty"`
	// P is the probability of a slice as weak as this anywhere in the search, if there were no weak slice; nil for slices given.
	P      *float64 `json:"p,omitempty"`
	Passed bool     `json:"passed"`
	// Reason says why a slice did not pass.
	Reason string `json:"reason,omitempty"`
}

// SliceSearch says what was searched for weak slices.
type SliceSearch struct {
	Columns      int     `json:"columns"`
	Slices       int     `json:"slices"` // conditions looked at
	Pairs        bool    `json:"pairs"`  // conditions on two columns among them
	Rows         int     `json:"rows"`
	MinRows      int     `json:"min_rows"`
	Alpha        float64 `json:"alpha"`
	Permutations int     `json:"permutations"`
}

// Comparison is that with the version in production, on the same rows.
type Comparison struct {
	Version string `json:"version"`
	Rows    int    `json:"rows"`
	// Better and Worse count the rows that only the candidate, or only
	// production, gets right; of a regression, to which it is nearer.
	Better int64 `json:"better"`
	Worse  int64 `json:"worse"`
	// P is the one-sided exact p-value of Better against Worse (McNemar; of a
	// regression the sign test), MidP the less conservative mid-p-value.
	P    float64 `json:"p"`
	MidP float64 `json:"mid_p"`
	// NegativeFlips are right answers of production that the candidate gets
	// wrong, NegativeFlipRate their share of all rows; nil for a regression.
	NegativeFlips    *int64   `json:"negative_flips,omitempty"`
	NegativeFlipRate *float64 `json:"negative_flip_rate,omitempty"`
	// Metrics are differences, by what both models answer to the same rows.
	Metrics []Difference `json:"metrics,omitempty"`
}

// Difference is a metric of the candidate less that of another model on the same rows.
type Difference struct {
	Metric     string   `json:"metric"`
	Candidate  float64  `json:"candidate"`
	Other      float64  `json:"other"`
	Difference float64  `json:"difference"`
	Interval   Interval `json:"interval"`
}

// Baseline is a simple model that the candidate is compared with.
type Baseline struct {
	// Name is "majority" or "mean", "one column: NAME", "logistic regression" or "ridge regression".
	Name string `json:"name"`
	// Difference is in auc where the candidate gives probabilities, else in
	// balanced_accuracy; of a regression in rmse.
	Difference
	// PBetter and PWorse are the one-sided p-values that the candidate is better, and worse.
	PBetter float64 `json:"p_better"`
	PWorse  float64 `json:"p_worse"`
}

// Leakage says what the test rows and the training rows have in common, and
// which columns give the label away.
type Leakage struct {
	TrainRows int64 `json:"train_rows"`
	TestRows  int   `json:"test_rows"`
	// Overlap counts the test rows whose features all stand in a training row.
	Overlap      int     `json:"overlap"`
	OverlapShare float64 `json:"overlap_share"`
	// OverlapLines are the lines of some of them in the test file.
	OverlapLines []int `json:"overlap_lines,omitempty"`
	// Duplicates counts the test rows whose features stand in an earlier test row.
	Duplicates int `json:"duplicates"`
	// Columns are the columns that tell most of the label on their own, best first.
	Columns []ColumnScore `json:"columns,omitempty"`
	// IDs are columns that number or name the rows.
	IDs []string `json:"ids,omitempty"`
}

// ColumnScore says how much of the label one column predicts: 0 no more than
// the majority (the mean), 1 all of it, measured on test rows with what the training rows taught.
type ColumnScore struct {
	Column string  `json:"column"`
	Score  float64 `json:"score"`
}

// Relation is a metamorphic check: what must hold between the answers to a row
// and to the same row changed.
type Relation struct {
	Name string `json:"name"`
	// Kind is monotone, indifferent or stable.
	Kind    string   `json:"kind"`
	Columns []string `json:"columns"`
	// Rows were changed in turn, Violations of them break the relation.
	Rows       int     `json:"rows"`
	Violations int     `json:"violations"`
	Share      float64 `json:"share"`
	Limit      float64 `json:"limit"`
	Passed     bool    `json:"passed"`
	// Samples are some violations, the largest first.
	Samples []Violation `json:"samples,omitempty"`
}

// Violation is a row whose answer changed as it must not.
type Violation struct {
	Line int `json:"line"` // of the test file
	// Change says what was changed, without values of personal columns.
	Change string `json:"change"`
	// Before and After are the probability (of the class asked for) or the value.
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}
