package dataset

import (
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// parseInteger reads a decimal int64.
func parseInteger(s string) (int64, bool) {
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}

// parseNumber reads a finite decimal number. Words such as NaN and Inf, and
// hexadecimal, are text: a table says null by an empty field.
func parseNumber(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// parseBoolean reads true and false in any case.
func parseBoolean(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// is tells whether a non-empty field is of the kind.
func (k Kind) is(field string) bool {
	ok := true
	switch k {
	case Integer:
		_, ok = parseInteger(field)
	case Number:
		_, ok = parseNumber(field)
	case Boolean:
		_, ok = parseBoolean(field)
	}
	return ok
}

// reads tells whether a non-empty field of text is of the rule's type, as the rule says it is written.
func (r *Rule) reads(field string) bool {
	switch {
	case r.Type.temporal():
		_, ok := parseDate(r.formats, field)
		return ok
	case r.Decimal == DecimalComma:
		_, ok := parseCommaNumber(field)
		return ok
	}
	return r.Type.is(field)
}

// parseCommaNumber reads 1234,5 and 1.234,5: points only group thousands.
func parseCommaNumber(s string) (float64, bool) {
	whole, part, comma := strings.Cut(s, ",")
	if strings.Contains(whole, ".") {
		groups := strings.Split(whole, ".")
		for i, g := range groups {
			digits := strings.TrimLeft(g, "+-")
			if i > 0 && len(g) != 3 || i == 0 && (digits == "" || len(digits) > 3) {
				return 0, false
			}
		}
		whole = strings.Join(groups, "")
	}
	if strings.Contains(part, ".") {
		return 0, false
	}
	if comma {
		whole += "." + part
	}
	return parseNumber(whole)
}

// narrowest is the first of integer, number and boolean that all fields are,
// or string. A column of nulls is of kind string.
func narrowest(cells []string) Kind {
	for _, k := range []Kind{Integer, Number, Boolean} {
		if all(k, cells) {
			return k
		}
	}
	return String
}

func all(k Kind, cells []string) bool {
	some := false
	for _, field := range cells {
		if field == "" {
			continue
		}
		if some = true; !k.is(field) {
			return false
		}
	}
	return some
}

// build makes the table from text, by schema where there is one and it fits.
func build(name string, header []string, cells [][]string, lines []int32, schema *Schema) *Table {
	columns := make([]Column, len(header))
	arrays := make([]arrow.Array, len(header))
	for i, h := range header {
		kind := Kind("")
		if schema != nil {
			if rule, ok := schema.rule(h); ok && (rule.Type.held() == String || all(rule.Type, cells[i])) {
				kind = rule.Type.held()
			}
		}
		if kind == "" {
			kind = narrowest(cells[i])
		}
		columns[i] = Column{Name: h, Kind: kind}
		arrays[i] = toArrow(kind, cells[i])
		cells[i] = nil // let the text go column by column
	}
	return newTable(name, columns, arrays, lines)
}

func toArrow(kind Kind, cells []string) arrow.Array {
	var b array.Builder
	var put func(field string)
	switch kind {
	case Integer:
		ints := array.NewInt64Builder(memory.DefaultAllocator)
		b, put = ints, func(field string) { v, _ := parseInteger(field); ints.Append(v) }
	case Number:
		floats := array.NewFloat64Builder(memory.DefaultAllocator)
		b, put = floats, func(field string) { v, _ := parseNumber(field); floats.Append(v) }
	case Boolean:
		bools := array.NewBooleanBuilder(memory.DefaultAllocator)
		b, put = bools, func(field string) { v, _ := parseBoolean(field); bools.Append(v) }
	default:
		words := array.NewStringBuilder(memory.DefaultAllocator)
		b, put = words, words.Append
	}
	b.Reserve(len(cells))
	for _, field := range cells {
		if field == "" {
			b.AppendNull()
			continue
		}
		put(field)
	}
	return b.NewArray()
}

// text writes a cell as strconv does.
func text(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case string:
		return v
	}
	return ""
}
