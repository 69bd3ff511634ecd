package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Schema says what a table must look like.
type Schema struct {
	Rows Range `yaml:"rows"`
	// Extra says what to do about columns that the schema does not name: refuse (the default) or allow.
	Extra   Extra  `yaml:"extra"`
	Columns []Rule `yaml:"columns"`

	// byName holds what rule found, for columns by exact name.
	byName map[string]int
}

// Range bounds a count; nil is no bound.
type Range struct {
	Min *int64 `yaml:"min"`
	Max *int64 `yaml:"max"`
}

// Extra is what to do about columns that the schema does not name.
type Extra string

// Values of Extra.
const (
	RefuseExtra Extra = "refuse"
	AllowExtra  Extra = "allow"
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
	Name string `yaml:"name"`
	// NamePattern is a regular expression that whole names must match; exactly Count columns must do so.
	NamePattern string   `yaml:"name_pattern"`
	Count       int      `yaml:"count"`
	Type        Kind     `yaml:"type"`
	Nullable    bool     `yaml:"nullable"`
	Min         *float64 `yaml:"min"`
	Max         *float64 `yaml:"max"`
	// Values are the only ones allowed, written as in the file.
	Values []string `yaml:"values"`
	// Pattern is a regular expression that whole values must match.
	Pattern string `yaml:"pattern"`
	Unique  bool   `yaml:"unique"`
	// Personal columns hold personal data: their values appear in no report.
	Personal bool `yaml:"personal"`
	// Label marks the truth; it is never null.
	Label bool `yaml:"label"`
	// Reason is told to whoever reads of a failure.
	Reason   string   `yaml:"reason"`
	Severity Severity `yaml:"severity"`

	line          int
	name, pattern *regexp.Regexp
	values        map[string]bool
	oneOf         string // the values, for messages
}

// maxSchemaBytes bounds a schema.
const maxSchemaBytes = 1 << 20

// ErrSchema says that a schema cannot be used.
var ErrSchema = errors.New("invalid schema")

// ParseSchema reads a schema in YAML, strictly: an unknown or repeated field, a
// bad value or a rule that contradicts itself is an error that wraps ErrSchema
// and names the file, the line and what is allowed.
func ParseSchema(name string, b []byte) (*Schema, error) {
	if len(b) > maxSchemaBytes {
		return nil, fmt.Errorf("%s: %w: %d bytes, at most %d are read", name, ErrSchema, len(b), maxSchemaBytes)
	}
	s := &Schema{}
	if err := s.decode(b); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSchema, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSchema, err)
	}
	return s, nil
}

func (s *Schema) decode(b []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(s); errors.Is(err, io.EOF) {
		return errors.New("the file is empty; it needs columns")
	} else if err != nil {
		return explain(err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("more than one document; a file holds one schema")
	}
	// A second, tolerant pass finds the lines for messages about meaning.
	var lines struct {
		Columns []yaml.Node `yaml:"columns"`
	}
	if err := yaml.Unmarshal(b, &lines); err != nil {
		return explain(err)
	}
	for i := range s.Columns {
		s.Columns[i].line = lines.Columns[i].Line
	}
	return nil
}

// schemaFields are the fields of Schema and Rule, for messages.
const (
	schemaFields = "rows, extra, columns"
	rangeFields  = "min, max"
	ruleFields   = "name, name_pattern, count, type, nullable, min, max, values, pattern, unique, personal, label, reason, severity"
)

// explain turns the decoder's words for Go types into those of the format.
func explain(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	for goType, fields := range map[string]string{"Schema": schemaFields, "Range": rangeFields, "Rule": ruleFields} {
		text = strings.ReplaceAll(text, " not found in type dataset."+goType, " is unknown; allowed are "+fields)
	}
	text = strings.NewReplacer("dataset.Kind", "a type", "dataset.", "", "*int64", "a whole number", "*float64", "a number",
		"[]string", "a list", "!!str ", "", "!!int ", "", "!!float ", "", "!!seq", "a list", "!!map", "a mapping", "into ", "where the format wants ").Replace(text)
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return errors.New(strings.Join(lines, "; "))
}

// check fills in defaults and refuses what cannot be meant.
func (s *Schema) check() error {
	switch s.Extra {
	case "":
		s.Extra = RefuseExtra
	case RefuseExtra, AllowExtra:
	default:
		return fmt.Errorf("extra is %q, want refuse or allow", s.Extra)
	}
	if s.Rows.Min != nil && *s.Rows.Min < 0 || s.Rows.Min != nil && s.Rows.Max != nil && *s.Rows.Min > *s.Rows.Max {
		return errors.New("rows: min must be at least 0 and at most max")
	}
	if len(s.Columns) == 0 {
		return errors.New("columns: at least one is needed")
	}
	s.byName = make(map[string]int, len(s.Columns))
	label := 0
	for i := range s.Columns {
		r := &s.Columns[i]
		if err := r.check(); err != nil {
			return fmt.Errorf("line %d: column %s: %w", r.line, r.Title(), err)
		}
		if r.Name != "" {
			if first, twice := s.byName[r.Name]; twice {
				return fmt.Errorf("line %d: column %s is already on line %d", r.line, r.Name, s.Columns[first].line)
			}
			s.byName[r.Name] = i
		}
		if r.Label {
			if label > 0 {
				return fmt.Errorf("line %d: column %s: the label is already on line %d; there is one", r.line, r.Title(), label)
			}
			label = r.line
		}
	}
	return nil
}

func (r *Rule) check() (err error) {
	switch {
	case r.Name == "" && r.NamePattern == "":
		return errors.New("name or name_pattern is needed")
	case r.Name != "" && r.NamePattern != "":
		return errors.New("name and name_pattern exclude each other")
	case r.NamePattern != "" && r.Count < 1:
		return errors.New("name_pattern needs count, the number of columns that match, at least 1")
	case r.Count > maxColumns:
		return fmt.Errorf("count is %d, a table has at most %d columns", r.Count, maxColumns)
	case r.NamePattern == "" && r.Count != 0:
		return errors.New("count belongs to name_pattern")
	case r.Label && r.Name == "":
		return errors.New("the label is one column; give its name")
	case r.Label && r.Nullable:
		return errors.New("the label is never null; leave nullable out")
	}
	if r.name, err = wholeMatch(r.NamePattern); err != nil {
		return fmt.Errorf("name_pattern: %w", err)
	}
	if r.pattern, err = wholeMatch(r.Pattern); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	switch r.Type {
	case Integer, Number, Boolean, String:
	default:
		return fmt.Errorf("type is %q, want integer, number, boolean or string", r.Type)
	}
	switch r.Severity {
	case "":
		r.Severity = Error
	case Error, Warning:
	default:
		return fmt.Errorf("severity is %q, want error or warn", r.Severity)
	}
	if (r.Min != nil || r.Max != nil) && !r.Type.Numeric() {
		return fmt.Errorf("min and max belong to numbers, the type is %s", r.Type)
	}
	for _, bound := range []*float64{r.Min, r.Max} {
		if bound != nil && (math.IsNaN(*bound) || math.IsInf(*bound, 0)) {
			return errors.New("min and max must be finite")
		}
	}
	if r.Min != nil && r.Max != nil && *r.Min > *r.Max {
		return fmt.Errorf("min %v is above max %v", *r.Min, *r.Max)
	}
	if r.Pattern != "" && r.Type != String {
		return fmt.Errorf("pattern belongs to strings, the type is %s", r.Type)
	}
	if len(r.Values) > 0 {
		r.values = make(map[string]bool, len(r.Values))
		for _, v := range r.Values {
			if !r.Type.is(v) {
				return fmt.Errorf("values: %q is not of type %s", v, r.Type)
			}
			r.values[r.canonical(v)] = true
		}
		r.oneOf = "one of " + shorten(strings.Join(r.Values, ", "))
	}
	return nil
}

// canonical writes a value so that equal ones are equal text: 1, 1.0 and 1e0 are one number.
func (r *Rule) canonical(field string) string {
	switch r.Type {
	case Integer, Number:
		if v, ok := parseNumber(field); ok {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
	case Boolean:
		return strings.ToLower(field)
	}
	return field
}

func wholeMatch(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	return regexp.Compile(`^(?:` + pattern + `)$`)
}

// Title is the column's name or its pattern, for messages.
func (r *Rule) Title() string {
	if r.Name != "" {
		return r.Name
	}
	return r.NamePattern
}

// rule finds what the schema says of a column: by name first, then by pattern.
func (s *Schema) rule(column string) (*Rule, bool) {
	if i, ok := s.byName[column]; ok {
		return &s.Columns[i], true
	}
	for i := range s.Columns {
		if r := &s.Columns[i]; r.name != nil && r.name.MatchString(column) {
			return r, true
		}
	}
	return nil, false
}

// Personal tells whether a column holds personal data.
func (s *Schema) Personal(column string) bool {
	r, ok := s.rule(column)
	return ok && r.Personal
}
