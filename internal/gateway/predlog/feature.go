package predlog

import (
	"maps"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// feature is a column of a segment that a model was given.
type feature struct {
	name string
	text bool
	// at is its place in the Numbers of every record; -1: it is among the Features.
	at int
}

// featuresOf are the features of the records, by name. Records that are all lists of the
// same columns, a model's of one matrix, are read by place: there may be hundreds.
func featuresOf(records []Record) []feature {
	if names, ok := lists(records); ok {
		out := make([]feature, len(names))
		for i, name := range names {
			out[i] = feature{name: name, at: i}
		}
		slices.SortFunc(out, func(a, b feature) int {
			if a.name < b.name {
				return -1
			}
			return 1
		})
		return out
	}
	text := map[string]bool{}
	for i := range records {
		records[i].name()
		for name, v := range records[i].Features {
			_, is := v.(string)
			text[name] = text[name] || is
		}
	}
	out := make([]feature, 0, len(text))
	for _, name := range slices.Sorted(maps.Keys(text)) {
		out = append(out, feature{name: name, text: text[name], at: -1})
	}
	return out
}

// lists are the names of the columns if every record is a list of the same ones.
func lists(records []Record) ([]string, bool) {
	first := &records[0]
	for i := range records {
		r := &records[i]
		if len(r.Numbers) == 0 || len(r.Numbers) != len(first.Numbers) || !slices.Equal(r.Names, first.Names) {
			return nil, false
		}
	}
	return first.names(), true
}

// names are those of the record's Numbers.
func (r *Record) names() []string {
	if len(r.Names) == len(r.Numbers) {
		return r.Names
	}
	out := make([]string, len(r.Numbers))
	for i := range out {
		out[i] = strconv.Itoa(i)
	}
	return out
}

// name turns Numbers into Features.
func (r *Record) name() {
	if len(r.Numbers) == 0 {
		return
	}
	r.Features = make(map[string]any, len(r.Numbers))
	for i, name := range r.names() {
		r.Features[name] = r.Numbers[i]
	}
	r.Numbers, r.Names = nil, nil
}

func (f feature) kind() arrow.DataType {
	if f.text {
		return arrow.BinaryTypes.String
	}
	return arrow.PrimitiveTypes.Float64
}

// appendTo writes the feature of every record.
func (f feature) appendTo(b array.Builder, records []Record) {
	if f.at >= 0 {
		column := make([]float64, len(records))
		for i := range records {
			column[i] = records[i].Numbers[f.at]
		}
		b.(*array.Float64Builder).AppendValues(column, nil)
		return
	}
	b.Reserve(len(records))
	for i := range records {
		appendFeature(b, records[i].Features[f.name])
	}
}
