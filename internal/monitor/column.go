package monitor

import (
	"math"
	"strconv"
)

// Column is one feature of a table: either Numbers, with NaN where a value is
// missing, or Strings, with "" where one is missing.
type Column struct {
	Numbers []float64
	Strings []string
}

// Kind says how a feature is compared.
type Kind string

// Kinds of features.
const (
	Numeric     Kind = "numeric"
	Categorical Kind = "categorical"
)

// Kind is Categorical if the column holds strings.
func (c Column) Kind() Kind {
	if c.Strings != nil {
		return Categorical
	}
	return Numeric
}

// Len is the number of rows.
func (c Column) Len() int {
	if c.Strings != nil {
		return len(c.Strings)
	}
	return len(c.Numbers)
}

// Texts is the column as strings, numbers in their shortest form, so that
// codes compare equal whether a client sent 3 or "3".
func (c Column) Texts() []string {
	if c.Strings != nil {
		return c.Strings
	}
	out := make([]string, len(c.Numbers))
	for i, v := range c.Numbers {
		if !math.IsNaN(v) {
			out[i] = strconv.FormatFloat(v, 'g', -1, 64)
		}
	}
	return out
}

// Values is the column as numbers; what is no number becomes NaN, missing.
func (c Column) Values() []float64 {
	if c.Strings == nil {
		return c.Numbers
	}
	out := make([]float64, len(c.Strings))
	for i, s := range c.Strings {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			v = math.NaN()
		}
		out[i] = v
	}
	return out
}
