package dataset

import (
	"math"
	"strconv"
	"unsafe"
)

// asString views bytes as a string for a call that keeps nothing of it.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parseIntegerBytes reads what parseInteger reads.
func parseIntegerBytes(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return parseInteger(asString(b))
	}
	i := 0
	if b[0] == '-' || b[0] == '+' {
		i = 1
	}
	if i == len(b) {
		return 0, false
	}
	v := int64(0)
	for _, c := range b[i:] {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + int64(d)
	}
	if b[0] == '-' {
		v = -v
	}
	return v, true
}

// parseNumberBytes reads what parseNumber reads. A number of at most 15 digits
// and a power of ten up to 22 is exact in one division or product (W. D.
// Clinger, "How to read floating point numbers accurately", 1990); the rest is left to strconv.
func parseNumberBytes(b []byte) (float64, bool) {
	i, negative := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		i, negative = 1, b[0] == '-'
	}
	mantissa, digits, scale, point := uint64(0), 0, 0, false
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case c-'0' <= 9:
			mantissa = mantissa*10 + uint64(c-'0')
			digits++
			if point {
				scale++
			}
			continue
		case c == '.' && !point:
			point = true
			continue
		case c == '.', c == 'e', c == 'E', c == '+', c == '-':
			return slowNumber(b)
		}
		return 0, false
	}
	if digits == 0 {
		return 0, false
	}
	if digits > 15 || scale > 22 { // digits and a point only: strconv reads it
		v, err := strconv.ParseFloat(asString(b), 64)
		return v, err == nil && !math.IsInf(v, 0)
	}
	v := float64(mantissa) / pow10(scale)
	if negative {
		v = -v
	}
	return v, true
}

func slowNumber(b []byte) (float64, bool) {
	for _, c := range b {
		if (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(asString(b), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// pow10 is 10^n for 0 ≤ n ≤ 22, exactly.
func pow10(n int) float64 {
	powers := [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
	return powers[n]
}

// notANumber reads the words for NaN and the infinities, in any case.
func notANumber(s string) (float64, bool) {
	if len(s) < 3 || len(s) > 9 {
		return 0, false
	}
	switch s[len(s)-1] | 0x20 {
	case 'n', 'f', 'y':
	default:
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && (math.IsNaN(v) || math.IsInf(v, 0))
}

// mix scrambles 64 bits one to one (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
