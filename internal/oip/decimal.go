package oip

import (
	"bytes"
	"math"
	"strconv"
)

// decimal is a number of JSON as it is written: if it is short, its value is mantissa · 10^exponent,
// with the sign that it has.
type decimal struct {
	text     []byte
	mantissa int64
	exponent int
	short    bool // its mantissa has at most shortDigits digits
	negative bool
	integer  bool // it has neither a point nor an exponent
}

// shortDigits is how many decimal digits an int64 holds, whatever they are.
const shortDigits = 18

// number reads a number into n.
func (w *walker) number(n *decimal) bool {
	b, start, i := w.body, w.at, w.at
	*n = decimal{integer: true}
	if i < len(b) && b[i] == '-' {
		n.negative = true
		i++
	}
	first, mantissa := i, int64(0)
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		mantissa = mantissa*10 + int64(b[i]-'0')
	}
	digits := i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return false
	}
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			mantissa = mantissa*10 + int64(b[i]-'0')
		}
		if i == point {
			return false
		}
		n.integer, n.exponent = false, point-i
		digits += i - point
	}
	if digits > shortDigits { // zeros in front are none
		rest := bytes.TrimLeft(b[first:i], "0.")
		digits = len(rest) - bytes.Count(rest, []byte{'.'})
	}
	n.short = digits <= shortDigits
	if i < len(b) && b[i]|' ' == 'e' {
		power, end, ok := exponent(b, i+1)
		if !ok {
			return false
		}
		n.integer, i = false, end
		n.exponent += power
	}
	n.text, n.mantissa, w.at = b[start:i], mantissa, i
	return true
}

// exponent reads what stands behind the e of a number, and tells where it ends. One that is larger than any use is cut.
func exponent(b []byte, i int) (power, end int, ok bool) {
	const most = 1 << 20
	negative := false
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		negative = b[i] == '-'
		i++
	}
	start := i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		power = min(power*10+int(b[i]-'0'), most)
	}
	if negative {
		power = -power
	}
	return power, i, i > start
}

// exactPower is the largest power of ten that a float64 holds exactly.
const exactPower = 22

// powers are those of ten.
var powers = [exactPower + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// scaled is the value without its sign, computed in float64: two numbers, of which only the mantissa may have been
// rounded, and one operation. It needs a short number and a power of ten that is exact.
func (n *decimal) scaled() float64 {
	if n.exponent < 0 {
		return float64(n.mantissa) / powers[-n.exponent]
	}
	return float64(n.mantissa) * powers[n.exponent]
}

// float64 is the nearest float64; false if there is none that is finite. As strconv has it, but sooner for a number of
// few digits: if the mantissa is exact too, one operation rounds once (Clinger, "How to read floating point
// numbers accurately", 1990).
func (n *decimal) float64() (float64, bool) {
	if n.short && n.mantissa <= 1<<53 && n.exponent >= -exactPower && n.exponent <= exactPower {
		return n.signed(n.scaled()), true
	}
	v, err := strconv.ParseFloat(string(n.text), 64)
	return v, err == nil
}

// float32 is the nearest float32; false if there is none that is finite. A float64 that is off by less than two of
// its units rounds to the same float32 as the number itself, unless it lies that near to the middle between two.
func (n *decimal) float32() (float32, bool) {
	const (
		beyond = 1<<29 - 1 // the bits of a float64 that a float32 has no room for
		middle = 1 << 28
		unsure = 4
	)
	if n.short && n.exponent >= -exactPower && n.exponent <= exactPower {
		v := n.scaled()
		rest := math.Float64bits(v) & beyond
		normal := v >= 0x1p-126 && v < 0x1p127
		if v == 0 || normal && (rest < middle-unsure || rest > middle+unsure) {
			return float32(n.signed(v)), true
		}
	}
	v, err := strconv.ParseFloat(string(n.text), 32)
	return float32(v), err == nil
}

// int64 is an integer; false for other numbers and for what does not fit.
func (n *decimal) int64() (int64, bool) {
	switch {
	case !n.integer:
		return 0, false
	case !n.short:
		v, err := strconv.ParseInt(string(n.text), 10, 64)
		return v, err == nil
	case n.negative:
		return -n.mantissa, true
	}
	return n.mantissa, true
}

func (n *decimal) signed(v float64) float64 {
	if n.negative {
		return -v
	}
	return v
}
