package dataset

import (
	"encoding/binary"
	"math"
	"math/bits"
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

// parseNumberBytes reads what parseNumber reads: digits and a point, as most
// numbers are, by itself, the rest by strconv.
func parseNumberBytes(b []byte) (float64, bool) {
	i, negative := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		i, negative = 1, b[0] == '-'
	}
	mantissa, scale, point := uint64(0), 0, -1
	first := i
	for i < len(b) {
		if len(b)-i >= 8 {
			if eight, ok := eightDigits(binary.LittleEndian.Uint64(b[i:])); ok && mantissa < 1e10 {
				mantissa, i = mantissa*1e8+eight, i+8
				continue
			}
		}
		c := b[i]
		switch {
		case c-'0' <= 9 && mantissa < 1e18:
			mantissa = mantissa*10 + uint64(c-'0')
		case c == '.' && point < 0:
			point = i
		case c-'0' <= 9, c == '.', c == 'e', c == 'E', c == '+', c == '-':
			return slowNumber(b)
		default:
			return 0, false
		}
		i++
	}
	if point >= 0 {
		scale = len(b) - point - 1
	}
	if len(b)-first == 0 || point >= 0 && len(b)-first == 1 { // no digit
		return 0, false
	}
	if scale > 19 {
		return slowNumber(b)
	}
	v := quotient(mantissa, scale)
	if negative {
		v = -v
	}
	return v, true
}

// eightDigits reads eight digits at once (Daniel Lemire, "Quickly parsing eight digits", 2018).
func eightDigits(word uint64) (uint64, bool) {
	if word&0xf0f0f0f0f0f0f0f0 != 0x3030303030303030 || (word+0x0606060606060606)&0xf0f0f0f0f0f0f0f0 != 0x3030303030303030 {
		return 0, false
	}
	word -= 0x3030303030303030
	word = word*10 + word>>8
	low, high := word&0x000000ff000000ff, word>>16&0x000000ff000000ff
	return (low*0x000f424000000064 + high*0x0000271000000001) >> 32, true
}

// quotient is m/10^scale, rounded once, to the nearest float64, half to even;
// scale is 19 at most. A mantissa and a power that float64 holds exactly make one
// division of it (W. D. Clinger, "How to read floating point numbers accurately",
// 1990); otherwise 64 bits of the quotient, and whether anything is left, tell how to round.
func quotient(m uint64, scale int) float64 {
	if m < 1<<53 {
		return float64(m) / pow10(scale)
	}
	d := uint64(1)
	for range scale {
		d *= 10
	}
	up, down := bits.LeadingZeros64(m), bits.LeadingZeros64(d)
	m, d = m<<up, d<<down
	exponent := down - up - 63
	high, low := m>>1, m<<63
	if m < d {
		high, low = m, 0
		exponent--
	}
	q, rest := bits.Div64(high, low, d) // from 2^63 on: the first bit is set
	const drop = 64 - 53
	half, tail := uint64(1)<<(drop-1), q&(1<<drop-1)
	q >>= drop
	if tail > half || tail == half && (rest != 0 || q&1 == 1) {
		q++
	}
	return float64(q) * math.Float64frombits(uint64(exponent+drop+1023)<<52) // a power of two: exact
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
