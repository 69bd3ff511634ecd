package dataset

// Report is the verdict of a schema on a table. Values of personal columns are
// masked or left out; every number is finite.
type Report struct {
	Table    string    `json:"table"`
	Passed   bool      `json:"passed"` // no failure of severity error
	Rows     int       `json:"rows"`
	Failures []Failure `json:"failures"`
	// Omitted counts failures beyond the first MaxFailures.
	Omitted int `json:"omitted,omitempty"`
	// Quality holds the checks that governance reads (capability D4), each 0 to 1:
	// completeness is the share of non-null cells in the columns of the schema;
	// uniqueness the share of different rows; validity the share of cells that
	// meet every rule; consistency the share of rows that meet every rule, 0 when
	// the table's columns are not those of the schema. Without rows all are 0.
	//
	// Timeliness is there where the schema asks for freshness: 1 while the latest
	// date is within max_age, max_age over its age beyond; the worst of the columns.
	Quality map[string]float64 `json:"quality"`
	// Estimated names the quality checks that are estimates, and how they were made.
	Estimated map[string]Method `json:"estimated,omitempty"`
	Columns   []ColumnSummary   `json:"columns"`
	// Checks are all expectations that were looked at, up to MaxOutcomes, in the order of the schema.
	Checks []Outcome `json:"checks,omitempty"`
	// Met counts the expectations that were met, Checked those looked at.
	Met     int `json:"met"`
	Checked int `json:"checked"`
}

// Method says how a number was found: Exact, or the estimate and its error.
type Method string

// Exact says that a number is no estimate.
const Exact Method = "exact"

// MaxOutcomes bounds Report.Checks.
const MaxOutcomes = 2000

// Outcome is one expectation and whether it was met.
type Outcome struct {
	Column      string   `json:"column,omitempty"`
	Check       string   `json:"check,omitempty"` // as Failure.Check
	Expectation string   `json:"expectation"`
	Passed      bool     `json:"passed"`
	Found       string   `json:"found,omitempty"`
	Severity    Severity `json:"severity"`
	Method      Method   `json:"method,omitempty"`
}

// Names of the quality checks in Report.Quality.
const (
	Completeness = "completeness"
	Uniqueness   = "uniqueness"
	Validity     = "validity"
	Consistency  = "consistency"
	Timeliness   = "timeliness"
)

// MaxFailures bounds Report.Failures.
const MaxFailures = 100

// Failure is one expectation that a table does not meet.
type Failure struct {
	// Column is empty for expectations on the whole table.
	Column string `json:"column,omitempty"`
	// Check names the expectation for programs: its key in the schema, or missing_column or extra_column.
	Check       string   `json:"check,omitempty"`
	Expectation string   `json:"expectation"`
	Found       string   `json:"found"`
	Severity    Severity `json:"severity"`
	Reason      string   `json:"reason,omitempty"`
	// Rows is how many rows fail, 0 for expectations on the whole table.
	Rows   int      `json:"rows,omitempty"`
	Sample []Sample `json:"sample,omitempty"`
	// Method says how exact Found is; empty where it is exact.
	Method Method `json:"method,omitempty"`
}

// Sample is one failing row.
type Sample struct {
	Row   int64  `json:"row"`            // of the table, from 1
	Line  int    `json:"line,omitempty"` // of the file, where it has lines
	Value string `json:"value"`          // Masked, or a token, for personal columns

	unread bool // Line and Value are still to be read: the row was found by merging chunks
}

// Masked stands for a value that must not be shown.
const Masked = "•••"

// Summary says in a line what failed, worst first, for people.
func (r Report) Summary() string {
	if len(r.Failures) == 0 {
		return pluralRows(r.Rows) + " as the schema wants"
	}
	for _, f := range r.Failures {
		if f.Severity == Error {
			return f.String()
		}
	}
	return pluralRows(r.Rows) + " pass with warnings: " + r.Failures[0].String()
}

// String is the failure as one sentence.
func (f Failure) String() string {
	s := "want " + f.Expectation + ", found " + f.Found
	if f.Column != "" {
		s = "column " + f.Column + ": " + s
	}
	if f.Reason != "" {
		s += " (" + f.Reason + ")"
	}
	return s
}
