package dataset

import (
	"regexp"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema says what a table must look like.
type Schema struct {
	Rows RowCount `yaml:"rows,omitempty" jsonschema_description:"How many rows the table has; at least one where min is left out."`
	// ColumnCount bounds the number of columns, those that the schema does not name counted.
	ColumnCount *ColumnCount `yaml:"column_count,omitempty" jsonschema_description:"How many columns the table has, those that the schema does not name counted."`
	// Extra says what to do about columns that the schema does not name: refuse (the default), warn or allow.
	Extra Extra `yaml:"extra,omitempty" jsonschema:"enum=refuse,enum=warn,enum=allow" jsonschema_description:"What to do about columns that the schema does not name; refuse unless said otherwise."`
	// Order says whether the columns must come in the order of the schema.
	Order Order `yaml:"order,omitempty" jsonschema:"enum=any,enum=schema" jsonschema_description:"Whether the columns must come in the order of the schema; any unless said otherwise."`
	// NullValues are words that stand for null in text, beside the empty field.
	NullValues []string `yaml:"null_values,omitempty" jsonschema_description:"Words that stand for null in text, beside the empty field, such as NA."`
	Columns    []Rule   `yaml:"columns" jsonschema_description:"One entry for each column, or for each group of columns of one kind."`
	// Environments are where parts of the schema apply only, such as training and serving.
	Environments []string `yaml:"environments,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"Where parts of the schema may apply only, such as training and serving."`
	// Checks are the expectations that span columns.
	Checks []TableCheck `yaml:"checks,omitempty" jsonschema_description:"Expectations that span columns."`

	// byName holds what rule found, for columns by exact name.
	byName map[string]int
}

// Range bounds a count; nil is no bound.
type Range struct {
	Min *int64 `yaml:"min,omitempty"`
	Max *int64 `yaml:"max,omitempty"`
}

// RowCount bounds the number of rows.
type RowCount struct {
	Range `yaml:",inline"`
	// OfReference bounds the number of rows over that of the reference.
	OfReference *Bounds  `yaml:"of_reference,omitempty" jsonschema_description:"Bounds of the number of rows over that of the reference; 1 to 1 for as many."`
	Reason      string   `yaml:"reason,omitempty" jsonschema_description:"Why the number matters, told with a failure."`
	Severity    Severity `yaml:"severity,omitempty" jsonschema:"enum=error,enum=warn" jsonschema_description:"Whether a failure stops the release; error unless said otherwise."`
}

// ColumnCount bounds the number of columns.
type ColumnCount struct {
	Range    `yaml:",inline"`
	Reason   string   `yaml:"reason,omitempty" jsonschema_description:"Why the number matters, told with a failure."`
	Severity Severity `yaml:"severity,omitempty" jsonschema:"enum=error,enum=warn" jsonschema_description:"Whether a failure stops the release; error unless said otherwise."`
}

// Extra is what to do about columns that the schema does not name.
type Extra string

// Values of Extra.
const (
	RefuseExtra Extra = "refuse"
	WarnExtra   Extra = "warn"
	AllowExtra  Extra = "allow"
)

// Order is whether the order of columns counts.
type Order string

// Values of Order.
const (
	AnyOrder    Order = "any"
	SchemaOrder Order = "schema"
)

// Severity says whether a failure stops the release.
type Severity string

// Severities.
const (
	Error   Severity = "error"
	Warning Severity = "warn"
)

// Rule says what one column, or every column that a pattern matches, must hold.
type Rule struct {
	Name string `yaml:"name,omitempty" jsonschema_description:"Name of the column."`
	// NamePattern is a regular expression that whole names must match; exactly Count columns must do so.
	NamePattern string `yaml:"name_pattern,omitempty" jsonschema_description:"Regular expression that whole names must match, in place of name."`
	Count       int    `yaml:"count,omitempty" jsonschema_description:"How many columns match name_pattern."`
	Type        Kind   `yaml:"type" jsonschema:"enum=integer,enum=number,enum=boolean,enum=string,enum=category,enum=date,enum=datetime" jsonschema_description:"What the values are, however they are stored: text that reads as the type is of the type."`
	// Formats are the ways in which dates are written; ISO 8601 where there are none.
	Formats []string `yaml:"formats,omitempty" jsonschema_description:"How dates are written, in the notation of strftime, such as %d.%m.%Y; iso stands for ISO 8601, the default, any for every notation in which day and month are plain."`
	// Decimal says what separates decimals in text: point (the default) or comma.
	Decimal Decimal `yaml:"decimal,omitempty" jsonschema:"enum=point,enum=comma" jsonschema_description:"What separates decimals in text; point unless said otherwise."`
	// NaN says what a number that is none means: refuse (the default), null or value.
	NaN NaN `yaml:"nan,omitempty" jsonschema:"enum=refuse,enum=null,enum=value" jsonschema_description:"What NaN means: an error, a null, or a value that no bound is held against; refuse unless said otherwise."`
	// Stored is how the file must hold the values; any way that reads as the type where it is empty.
	Stored Kind `yaml:"stored,omitempty" jsonschema:"enum=integer,enum=number,enum=boolean,enum=string,enum=datetime" jsonschema_description:"How the file must hold the values; any way that reads as the type unless said."`
	// NullValues are words that stand for null in this column, beside those of the schema.
	NullValues []string `yaml:"null_values,omitempty" jsonschema_description:"Words that stand for null in this column, beside those of the schema."`
	Nullable   bool     `yaml:"nullable,omitempty" jsonschema_description:"Whether values may be missing."`
	// Personal columns hold personal data: their values appear in no report.
	Personal bool `yaml:"personal,omitempty" jsonschema_description:"Whether the column holds personal data; its values then appear in no report."`
	// Mask is how personal values leave the store; hash where it is empty.
	Mask MaskMode `yaml:"mask,omitempty" jsonschema:"enum=hash,enum=token,enum=truncate,enum=drop" jsonschema_description:"How personal values leave the store; hash unless said otherwise."`
	// Label marks the truth; it is never null.
	Label bool `yaml:"label,omitempty" jsonschema_description:"Whether the column is the truth that the model predicts."`
	// Expect is what the values must meet; its Mostly, Severity and Reason go for all of the rule.
	Expect `yaml:",inline"`
	// Checks are further expectations, each with its own share, severity and reason.
	Checks []Expect `yaml:"checks,omitempty" jsonschema_description:"Further expectations, each with its own mostly, severity and reason."`

	line      int
	elsewhere bool   // it speaks of other environments only; see Schema.In
	comment   string // of Infer, for who edits the schema
	name      *regexp.Regexp
	formats   []dateFormat
}

// Expect is a set of expectations on one column.
type Expect struct {
	Min   *float64 `yaml:"min,omitempty" jsonschema_description:"Smallest value allowed."`
	Max   *float64 `yaml:"max,omitempty" jsonschema_description:"Largest value allowed."`
	Above *float64 `yaml:"above,omitempty" jsonschema_description:"Values are greater than this."`
	Below *float64 `yaml:"below,omitempty" jsonschema_description:"Values are less than this."`
	// Earliest and Latest bound dates, in ISO 8601, both included.
	Earliest string `yaml:"earliest,omitempty" jsonschema_description:"Earliest date allowed, in ISO 8601."`
	Latest   string `yaml:"latest,omitempty" jsonschema_description:"Latest date allowed, in ISO 8601."`
	// Values are the only ones allowed, written as in the file.
	Values    []string `yaml:"values,omitempty" jsonschema_description:"The only values allowed, written as in the file."`
	NotValues []string `yaml:"not_values,omitempty" jsonschema_description:"Values that are not allowed."`
	// Pattern is a regular expression that whole values must match.
	Pattern    string `yaml:"pattern,omitempty" jsonschema_description:"Regular expression (RE2) that whole values match."`
	NotPattern string `yaml:"not_pattern,omitempty" jsonschema_description:"Regular expression (RE2) that no whole value matches."`
	// Like and NotLike are patterns of SQL: % is any text, _ any character, \ takes the next as it is.
	Like    []string `yaml:"like,omitempty" jsonschema_description:"Patterns of SQL's LIKE, of which whole values match at least one."`
	NotLike []string `yaml:"not_like,omitempty" jsonschema_description:"Patterns of SQL's LIKE that no whole value matches."`
	// Types are the types of which each text must read as one.
	Types []Kind `yaml:"types,omitempty" jsonschema:"enum=integer,enum=number,enum=boolean,enum=date,enum=datetime" jsonschema_description:"Types, each text reads as a value of one of them."`
	// JSON says that each text is a JSON document; JSONSchema, that it is one that the schema takes.
	JSON       bool           `yaml:"json,omitempty" jsonschema_description:"Whether each text is a JSON document."`
	JSONSchema map[string]any `yaml:"json_schema,omitempty" jsonschema_description:"JSON Schema (draft 2020-12 unless it says otherwise) that each text, read as JSON, meets."`
	// Empty says that no row has a value.
	Empty bool `yaml:"empty,omitempty" jsonschema_description:"Whether the column holds no value at all."`
	// MinLength and MaxLength bound the length of text in Unicode characters.
	MinLength *int64 `yaml:"min_length,omitempty" jsonschema_description:"Fewest characters of a value."`
	MaxLength *int64 `yaml:"max_length,omitempty" jsonschema_description:"Most characters of a value."`
	Unique    bool   `yaml:"unique,omitempty" jsonschema_description:"Whether every value stands once."`
	// Sorted says in which order the values come, nulls left out.
	Sorted Sorted `yaml:"sorted,omitempty" jsonschema:"enum=increasing,enum=strictly increasing,enum=decreasing,enum=strictly decreasing" jsonschema_description:"In which order the values come, nulls left out."`

	// ZScore is the largest distance of a value from the mean, in standard deviations of the column.
	ZScore *float64 `yaml:"z_score,omitempty" jsonschema:"minimum=0" jsonschema_description:"Largest distance of a value from the mean of the column, in its standard deviations."`

	NullShare *Bounds `yaml:"null_share,omitempty" jsonschema_description:"Bounds of the share of rows without a value."`

	Mean     *Bounds         `yaml:"mean,omitempty" jsonschema_description:"Bounds of the mean."`
	Median   *Bounds         `yaml:"median,omitempty" jsonschema_description:"Bounds of the median."`
	Std      *Bounds         `yaml:"std,omitempty" jsonschema_description:"Bounds of the standard deviation (divisor n-1)."`
	Sum      *Bounds         `yaml:"sum,omitempty" jsonschema_description:"Bounds of the sum."`
	Smallest *Bounds         `yaml:"smallest,omitempty" jsonschema_description:"Bounds of the smallest value that stands in the column."`
	Largest  *Bounds         `yaml:"largest,omitempty" jsonschema_description:"Bounds of the largest value that stands in the column."`
	Quantile []QuantileBound `yaml:"quantiles,omitempty" jsonschema_description:"Bounds of quantiles (type 7, as NumPy's default)."`
	// Distinct bounds how many different values there are, DistinctShare that number over the non-null rows.
	Distinct      *Bounds `yaml:"distinct,omitempty" jsonschema_description:"Bounds of the number of different values."`
	DistinctShare *Bounds `yaml:"distinct_share,omitempty" jsonschema_description:"Bounds of the number of different values over that of values."`
	// Entropy bounds that of the values, in nats.
	Entropy *Bounds `yaml:"entropy,omitempty" jsonschema_description:"Bounds of the entropy of the values, in nats."`
	// OneSpelling refuses values that differ only in case, spaces and punctuation.
	OneSpelling bool `yaml:"one_spelling,omitempty" jsonschema_description:"Whether values that differ only in case, spaces or punctuation are refused."`
	// Follows is a distribution that the values are drawn from.
	Follows    *Fit     `yaml:"follows,omitempty" jsonschema_description:"Distribution that the values are drawn from, by the Kolmogorov-Smirnov test."`
	MostCommon []string `yaml:"most_common,omitempty" jsonschema_description:"The most common value is one of these."`
	Contains   []string `yaml:"contains,omitempty" jsonschema_description:"Each of these values stands in the column."`
	// MaxAge is how old the latest date may be, such as 36h or 7d.
	MaxAge string `yaml:"max_age,omitempty" jsonschema:"pattern=^[0-9]+(\\.[0-9]+)?(s|m|h|d|w)$" jsonschema_description:"How old the latest date may be: a number and s, m, h, d or w."`

	// Limits of the distance from the reference profile.
	PSI  *float64 `yaml:"psi,omitempty" jsonschema_description:"Largest population stability index against the reference."`
	KL   *float64 `yaml:"kl,omitempty" jsonschema_description:"Largest Kullback-Leibler divergence from the reference, in nats."`
	LInf *float64 `yaml:"linf,omitempty" jsonschema_description:"Largest difference between the share of a value, or of a bin, and that in the reference."`
	JSD  *float64 `yaml:"jsd,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Largest Jensen-Shannon divergence from the reference, in bits."`
	// Wasserstein is in the unit of the column.
	Wasserstein *float64 `yaml:"wasserstein,omitempty" jsonschema:"minimum=0" jsonschema_description:"Largest Wasserstein distance from the reference, in the unit of the column."`
	// Chi2P and KSP are the least p-values of tests that nothing has changed.
	Chi2P *float64 `yaml:"chi2_p,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Least p-value of the chi-squared test that the shares are those of the reference."`
	KSP   *float64 `yaml:"ks_p,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Least p-value of the Kolmogorov-Smirnov test that the distribution is that of the reference."`
	// NewShare is the largest share of values that the reference does not have.
	NewShare  *float64 `yaml:"new_share,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Largest share of values that the reference does not have."`
	MeanShift *float64 `yaml:"mean_shift,omitempty" jsonschema_description:"Largest distance between the mean and that of the reference, in standard deviations of the reference."`

	// Mostly is the share of values that must meet a row-wise expectation; 1 where it is not given.
	Mostly *float64 `yaml:"mostly,omitempty" jsonschema_description:"Share of the values that must meet each row-wise expectation; all unless said otherwise."`
	// Reason is told to whoever reads of a failure.
	Reason   string   `yaml:"reason,omitempty" jsonschema_description:"Why the expectation matters, told with a failure."`
	Severity Severity `yaml:"severity,omitempty" jsonschema:"enum=error,enum=warn" jsonschema_description:"Whether a failure stops the release; error unless said otherwise."`

	// Environments are the only ones in which all of this is asked; everywhere where there are none.
	Environments []string `yaml:"environments,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"The only environments in which this is asked; everywhere unless said."`

	line                int
	pattern, notPattern *regexp.Regexp
	like, notLike       *regexp.Regexp
	document            *jsonschema.Schema
	earliest, latest    int64 // microseconds since 1970
	maxAge              time.Duration
}

// Bounds bound a number; both are included, nil is no bound.
type Bounds struct {
	Min *float64 `yaml:"min,omitempty"`
	Max *float64 `yaml:"max,omitempty"`
}

// QuantileBound bounds quantile Q of a column.
type QuantileBound struct {
	Q      float64 `yaml:"q" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Which quantile: 0.5 is the median."`
	Bounds `yaml:",inline"`
}

// Fit asks whether values are drawn from a distribution.
type Fit struct {
	Distribution string             `yaml:"distribution" jsonschema:"enum=normal,enum=lognormal,enum=uniform,enum=exponential,enum=gamma,enum=beta" jsonschema_description:"Which distribution."`
	Parameters   map[string]float64 `yaml:"parameters" jsonschema_description:"Its parameters: mean and std; mu and sigma; min and max; mean; shape and scale; alpha and beta."`
	// P is the least p-value.
	P float64 `yaml:"p" jsonschema:"minimum=0,maximum=1" jsonschema_description:"Least p-value of the test."`
}

// TableCheck is one expectation that spans columns: one of the fields down to References.
type TableCheck struct {
	// Unique names columns whose values together stand once.
	Unique []string `yaml:"unique,omitempty" jsonschema_description:"Columns whose values together stand once."`
	// Rule is an expression over the columns that must hold in each row where none of them is null.
	Rule string `yaml:"rule,omitempty" jsonschema_description:"Expression over the columns, such as start <= end, that holds in each row where none of them is null."`
	// Different names columns whose values differ from each other in each row.
	Different []string `yaml:"different,omitempty" jsonschema_description:"Columns whose values differ from each other in each row."`
	// Combinations are the only ones that some columns may hold in a row.
	Combinations *Combinations `yaml:"combinations,omitempty" jsonschema_description:"The only combinations of values that some columns hold in a row."`
	CramersV     *Association  `yaml:"cramers_v,omitempty" jsonschema_description:"Bounds of the association (Cramér's V; phi for two values each) of two columns."`
	// Depends says that some columns give another.
	Depends *Dependency `yaml:"depends,omitempty" jsonschema_description:"Column that has one value for equal values of others, such as a label that does not conflict."`
	// References says that values stand in another table.
	References *ForeignKey `yaml:"references,omitempty" jsonschema_description:"Columns whose values stand together in another table: a foreign key."`
	Mostly     *float64    `yaml:"mostly,omitempty" jsonschema_description:"Share of the rows that must meet the expectation; all unless said otherwise."`
	Reason     string      `yaml:"reason,omitempty" jsonschema_description:"Why the expectation matters, told with a failure."`
	Severity   Severity    `yaml:"severity,omitempty" jsonschema:"enum=error,enum=warn" jsonschema_description:"Whether a failure stops the release; error unless said otherwise."`

	// Environments are the only ones in which this is asked; everywhere where there are none.
	Environments []string `yaml:"environments,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"The only environments in which this is asked; everywhere unless said."`

	line int
	rule *rowRule
}

// Combinations are the values that columns may hold together.
type Combinations struct {
	Columns []string   `yaml:"columns" jsonschema_description:"The columns."`
	Allowed [][]string `yaml:"allowed" jsonschema_description:"Lists of one value for each column, written as in the file."`
}

// Association bounds how strongly two columns are associated, 0 to 1.
type Association struct {
	Columns []string `yaml:"columns" jsonschema:"minItems=2,maxItems=2" jsonschema_description:"Two columns."`
	Bounds  `yaml:",inline"`
}

// Dependency says that rows with equal values in On have equal values in Column.
type Dependency struct {
	Column string   `yaml:"column" jsonschema_description:"The column that is given by the others."`
	On     []string `yaml:"on" jsonschema_description:"The columns that give it."`
}

// Sorted is an order of values.
type Sorted string

// Orders of values.
const (
	Increasing         Sorted = "increasing"
	StrictlyIncreasing Sorted = "strictly increasing"
	Decreasing         Sorted = "decreasing"
	StrictlyDecreasing Sorted = "strictly decreasing"
)

// Decimal is what separates decimals in text.
type Decimal string

// Values of Decimal.
const (
	DecimalPoint Decimal = "point"
	DecimalComma Decimal = "comma"
)

// NaN is what NaN means.
type NaN string

// Values of NaN.
const (
	NaNRefused NaN = "refuse"
	NaNIsNull  NaN = "null"
	NaNIsValue NaN = "value"
)
