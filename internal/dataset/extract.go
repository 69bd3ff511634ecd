package dataset

import (
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// read fills v with the values of an Arrow array, read as m means them. The
// vector keeps views of text, so the array must outlive it.
func (v *vector) read(a arrow.Array, m meaning, first int64) {
	v.reset(m.kind, a.Len(), first)
	if d, ok := a.(*array.Dictionary); ok && v.readCodes(d, m) {
		return
	}
	switch a := a.(type) {
	case *array.String:
		v.offs, v.data = a.ValueOffsets(), bufferOf(a)
		v.readText(a, m)
	case *array.Boolean:
		v.readBooleans(a, m)
	case *array.Timestamp, *array.Date32, *array.Date64:
		v.readMoments(a, m)
	case *array.Int64:
		v.readIntegers(a, m, a.Int64Values())
	case *array.Int32:
		v.readIntegers(a, m, widenedIntegers(a.Int32Values()))
	case *array.Float64:
		v.readFloats(a, m, a.Float64Values())
	case *array.Float32:
		v.readFloats(a, m, widenedFloats(a.Float32Values()))
	default:
		v.readOthers(a, m)
	}
	v.hash()
}

// bufferOf is the whole text buffer that the offsets of an array count in.
func bufferOf(a *array.String) []byte {
	if b := a.Data().Buffers()[2]; b != nil {
		return b.Bytes()
	}
	return nil
}

func (v *vector) readNulls(a arrow.Array) {
	if a.NullN() == 0 {
		return
	}
	for i := range zeroBits(a.NullBitmapBytes(), a.Data().Offset(), v.n) {
		v.null(i)
	}
}

func (v *vector) readIntegers(a arrow.Array, m meaning, values []int64) {
	v.readNulls(a)
	switch {
	case m.kind == Integer:
		v.ints = values
		for i, x := range values {
			v.nums[i] = float64(x)
		}
	case m.kind == Number:
		for i, x := range values {
			v.nums[i] = float64(x)
		}
	case m.kind.textual():
		v.write(func(b []byte, i int) []byte { return strconv.AppendInt(b, values[i], 10) })
	default:
		v.write(func(b []byte, i int) []byte { return strconv.AppendInt(b, values[i], 10) })
		v.refuseAll()
	}
}

func (v *vector) readFloats(a arrow.Array, m meaning, values []float64) {
	v.readNulls(a)
	asText := func(b []byte, i int) []byte { return strconv.AppendFloat(b, values[i], 'g', -1, 64) }
	switch {
	case m.kind.textual():
		v.write(asText)
		return
	case m.kind != Integer && m.kind != Number:
		v.write(asText)
		v.refuseAll()
		return
	}
	v.nums = values
	for i, x := range values {
		if x-x != 0 && v.flags[i] == 0 {
			v.odd(i, x, m.nan)
		}
	}
	if m.kind == Integer { // whole floats are integers: so pandas stores integers with nulls
		for i, x := range values {
			if v.flags[i] == 0 && (x != math.Trunc(x) || math.Abs(x) >= 1<<63) {
				v.mistyped(i)
				continue
			}
			v.ints[i] = int64(x)
		}
	}
}

func (v *vector) readBooleans(a *array.Boolean, m meaning) {
	v.readNulls(a)
	if m.kind != Boolean {
		v.write(func(b []byte, i int) []byte { return strconv.AppendBool(b, a.Value(i)) })
		if !m.kind.textual() {
			v.refuseAll()
		}
		return
	}
	for i := range v.n {
		if v.nums[i] = 0; a.Value(i) {
			v.nums[i] = 1
		}
	}
}

func (v *vector) readMoments(a arrow.Array, m meaning) {
	v.readNulls(a)
	v.own.ints = resize(v.own.ints, v.n)
	micros := v.own.ints
	switch a := a.(type) {
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit //nolint:forcetypeassert,errcheck // Arrow ties the two
		times, over := int64(1), int64(1)
		switch unit {
		case arrow.Second:
			times = 1e6
		case arrow.Millisecond:
			times = 1e3
		case arrow.Nanosecond:
			over = 1e3
		}
		scaled(micros, a.TimestampValues(), times, over)
	case *array.Date32:
		scaled(micros, a.Date32Values(), 86400e6, 1)
	case *array.Date64:
		scaled(micros, a.Date64Values(), 1000, 1)
	}
	if !m.kind.temporal() {
		v.write(func(b []byte, i int) []byte { return append(b, formatMicros(micros[i])...) })
		if !m.kind.textual() {
			v.refuseAll()
		}
		return
	}
	for i, x := range micros {
		v.nums[i] = float64(x)
	}
}

// scaled fills out with values, times and over whole numbers.
func scaled[T ~int32 | ~int64](out []int64, values []T, times, over int64) {
	switch {
	case over != 1:
		for i, x := range values {
			out[i] = int64(x) * times / over
		}
	case times != 1:
		for i, x := range values {
			out[i] = int64(x) * times
		}
	default:
		for i, x := range values {
			out[i] = int64(x)
		}
	}
}

func widenedIntegers(values []int32) []int64 {
	out := make([]int64, len(values))
	for i, x := range values {
		out[i] = int64(x)
	}
	return out
}

func widenedFloats(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, x := range values {
		out[i] = float64(x)
	}
	return out
}

// readOthers reads rarer types: by their numbers where they have some, else by their text.
func (v *vector) readOthers(a arrow.Array, m meaning) {
	ints, floats := make([]int64, 0, v.n), make([]float64, 0, v.n)
	for i := range v.n {
		switch a := a.(type) {
		case *array.Int8:
			ints = append(ints, int64(a.Value(i)))
		case *array.Int16:
			ints = append(ints, int64(a.Value(i)))
		case *array.Uint8:
			ints = append(ints, int64(a.Value(i)))
		case *array.Uint16:
			ints = append(ints, int64(a.Value(i)))
		case *array.Uint32:
			ints = append(ints, int64(a.Value(i)))
		case *array.Float16:
			floats = append(floats, float64(a.Value(i).Float32()))
		}
	}
	switch {
	case v.n > 0 && len(ints) == v.n:
		v.readIntegers(a, m, ints)
	case v.n > 0 && len(floats) == v.n:
		v.readFloats(a, m, floats)
	default:
		v.readNulls(a)
		v.write(func(b []byte, i int) []byte { return append(b, a.ValueStr(i)...) })
		v.readText(nil, m)
	}
}

// write makes text of cells that are stored as something else.
func (v *vector) write(cell func(b []byte, i int) []byte) {
	v.offs, v.data = make([]int32, 1, v.n+1), make([]byte, 0, 8*v.n)
	for i := range v.n {
		if v.flags[i]&cellNull == 0 {
			v.data = cell(v.data, i)
		}
		v.offs = append(v.offs, int32(len(v.data)))
	}
}

// refuseAll says that no value has the type.
func (v *vector) refuseAll() {
	for i := range v.n {
		if v.flags[i] == 0 {
			v.mistyped(i)
		}
	}
}

// readText reads cells of text as what they mean. The empty cell is null.
func (v *vector) readText(a arrow.Array, m meaning) {
	if a != nil {
		v.readNulls(a)
	}
	if m.kind.textual() && m.nulls == nil && v.nulls == 0 {
		from := v.offs[0]
		for i, to := range v.offs[1 : v.n+1] {
			if to == from {
				v.null(i)
			}
			from = to
		}
		return
	}
	nullWord := func(b []byte) bool { return len(b) == 0 || m.nulls != nil && m.nulls[string(b)] }
	for i := range v.n {
		if v.flags[i]&cellNull == 0 {
			if b := v.bytesAt(i); nullWord(b) {
				v.null(i)
			} else if !m.kind.textual() {
				v.parse(i, b, m)
			}
		}
	}
}

// parse reads one cell of text as a number, a boolean or a date.
func (v *vector) parse(i int, b []byte, m meaning) {
	ok := false
	switch m.kind {
	case Integer:
		if v.ints[i], ok = parseIntegerBytes(b); ok {
			v.nums[i] = float64(v.ints[i])
		}
	case Number:
		if m.comma {
			v.nums[i], ok = parseCommaNumber(asString(b))
		} else {
			v.nums[i], ok = parseNumberBytes(b)
		}
		if !ok && m.nan != "" && m.nan != NaNRefused {
			if x, odd := notANumber(asString(b)); odd {
				v.nums[i] = x
				v.odd(i, x, m.nan)
				return
			}
		}
	case Boolean:
		value := false
		if value, ok = readBoolean(b); ok {
			if v.nums[i] = 0; value {
				v.nums[i] = 1
			}
		}
	default:
		if v.ints[i], ok = parseDate(m.formats, asString(b)); ok {
			v.nums[i] = float64(v.ints[i])
		}
	}
	if !ok {
		v.mistyped(i)
	}
}
