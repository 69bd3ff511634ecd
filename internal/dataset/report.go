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
	Quality map[string]float64 `json:"quality"`
	Columns []ColumnSummary    `json:"columns"`
}

// Names of the quality checks in Report.Quality.
const (
	Completeness = "completeness"
	Uniqueness   = "uniqueness"
	Validity     = "validity"
	Consistency  = "consistency"
)

// MaxFailures bounds Report.Failures.
const MaxFailures = 100

// Failure is one expectation that a table does not meet.
type Failure struct {
	// Column is empty for expectations on the whole table.
	Column      string   `json:"column,omitempty"`
	Expectation string   `json:"expectation"`
	Found       string   `json:"found"`
	Severity    Severity `json:"severity"`
	Reason      string   `json:"reason,omitempty"`
	// Rows is how many rows fail, 0 for expectations on the whole table.
	Rows   int      `json:"rows,omitempty"`
	Sample []Sample `json:"sample,omitempty"`
}

// Sample is one failing row.
type Sample struct {
	Line  int    `json:"line"`  // of the file
	Value string `json:"value"` // Masked for personal columns
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
