package dataset

import (
	"cmp"
	"maps"
	"slices"

	"github.com/slipway-ml/slipway/internal/stats"
)

// ColumnSummary describes one column. Of a personal column only the counts are given.
type ColumnSummary struct {
	Name  string `json:"name"`
	Kind  Kind   `json:"kind"`
	Nulls int    `json:"nulls"`
	// Distinct counts different values, up to MaxDistinct.
	Distinct int `json:"distinct"`
	// Numbers describes a numeric column.
	Numbers *stats.Summary `json:"numbers,omitempty"`
	// Top lists the most frequent values of a column of strings or booleans.
	Top      []Frequency `json:"top,omitempty"`
	Personal bool        `json:"personal,omitempty"`
}

// Frequency is a value and in how many rows it stands.
type Frequency struct {
	Value string `json:"value"`
	Rows  int    `json:"rows"`
}

// MaxDistinct bounds the counting of different values.
const MaxDistinct = 10000

const topValues = 10

func summarise(t *Table, c int, personal bool) ColumnSummary {
	column := t.columns[c]
	s := ColumnSummary{Name: column.Name, Kind: column.Kind, Nulls: t.record.Column(c).NullN(), Personal: personal}
	counts := map[string]int{}
	for row := range t.Rows() {
		value := t.value(c, row)
		if value == nil {
			continue
		}
		field := text(value)
		if _, known := counts[field]; known || len(counts) < MaxDistinct {
			counts[field]++
		}
	}
	s.Distinct = len(counts)
	if personal {
		return s
	}
	if column.Kind.Numeric() {
		numbers, err := t.Floats(column.Name)
		if err == nil {
			described := stats.Describe(numbers)
			s.Numbers = &described
		}
		return s
	}
	ordered := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, value := range ordered[:min(len(ordered), topValues)] {
		s.Top = append(s.Top, Frequency{Value: shorten(value), Rows: counts[value]})
	}
	return s
}
