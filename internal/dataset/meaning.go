package dataset

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// meaning says how the stored values of a column are read.
type meaning struct {
	kind    Kind
	formats []dateFormat
	comma   bool // decimals are separated by a comma
	nan     NaN
	nulls   map[string]bool // words that stand for null
}

func (s *Schema) meaning(r *Rule) meaning {
	m := meaning{kind: r.Type, formats: r.formats, comma: r.Decimal == DecimalComma, nan: r.NaN}
	if len(s.NullValues)+len(r.NullValues) > 0 {
		m.nulls = map[string]bool{}
		for _, w := range append(append([]string{}, s.NullValues...), r.NullValues...) {
			m.nulls[w] = true
		}
	}
	return m
}

// storedKind is the kind that a column's storage says; text has none and is String.
func storedKind(t arrow.DataType) Kind {
	switch t.ID() {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return Integer
	case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64, arrow.DECIMAL128, arrow.DECIMAL256, arrow.DECIMAL32, arrow.DECIMAL64:
		return Number
	case arrow.BOOL:
		return Boolean
	case arrow.DATE32, arrow.DATE64, arrow.TIMESTAMP:
		return Datetime
	case arrow.DICTIONARY:
		return storedKind(t.(*arrow.DictionaryType).ValueType) //nolint:forcetypeassert,errcheck // the ID says so
	}
	return String
}

// isText tells whether a column is stored as text, which a meaning reads.
func isText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.BINARY, arrow.LARGE_BINARY, arrow.STRING_VIEW, arrow.BINARY_VIEW:
		return true
	case arrow.DICTIONARY:
		return isText(t.(*arrow.DictionaryType).ValueType) //nolint:forcetypeassert,errcheck // the ID says so
	}
	return false
}

// readBoolean reads true and false in any case.
func readBoolean(b []byte) (value, ok bool) {
	if len(b) != 4 && len(b) != 5 {
		return false, false
	}
	return parseBoolean(asString(b))
}

// nullWords are words that people write for null; Infer looks for them.
func nullWords() []string {
	return strings.Fields("NA N/A n/a na null NULL Null None none nan NaN NAN ? - -- #N/A <NA> missing")
}
