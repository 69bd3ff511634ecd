package oip

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbers are such that are near the bounds of what is read without strconv, or between two numbers.
var numbers = []string{
	"0", "-0", "-0.0e-9", "1", "0.1", "-2.5e3", "16777217", "16777217.0000000001", "9007199254740993", "9007199254740992.5", "999999999999999999", "9999999999999999999",
	"9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "0.00392156862745098", "0.011764705882352941", "0.0000000000000000000012345678901234567",
	"1e22", "1e23", "123456789012345678e22", "1e-22", "1e-23", "3.4028235e38", "3.4028236e38", "1.17549435e-38", "1.17549429e-38", "1e-45", "1e-46", "1e308", "1e309", "1e99999999999999999999", "1e-99999999999999999999",
	"0.50000002980232238769531250000000000001", "1.000000059604644775390625", "1.0000000596046448", "8388608.5", "8388609.5", "1e+2", "1E2", "01", "1.", ".5", "-", "1e", "+1", "--1", "1e5.5",
}

// sameNumber compares a number with what encoding/json and strconv read.
func sameNumber(t *testing.T, text string) {
	t.Helper()
	w := walker{body: []byte(text)}
	var n decimal
	whole := w.number(&n) && w.at == len(text)
	first := strings.IndexAny(text, "-0123456789") == 0
	require.Equal(t, first && json.Valid([]byte(text)) && strings.TrimRight(text, " \t\r\n") == text, whole, text)
	if !whole {
		return
	}
	double, err := strconv.ParseFloat(text, 64)
	v, ok := n.float64()
	require.Equal(t, err == nil, ok, text)
	if ok {
		require.Equal(t, math.Float64bits(double), math.Float64bits(v), text)
	}
	single, err := strconv.ParseFloat(text, 32)
	f, ok := n.float32()
	require.Equal(t, err == nil, ok, text)
	if ok {
		require.Equal(t, math.Float32bits(float32(single)), math.Float32bits(f), text)
	}
	integer, err := strconv.ParseInt(text, 10, 64)
	i, ok := n.int64()
	require.Equal(t, err == nil, ok, text)
	if ok {
		require.Equal(t, integer, i, text)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range numbers {
		sameNumber(t, text)
	}
}

func FuzzNumber(f *testing.F) {
	for _, text := range numbers {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { sameNumber(t, string(text)) })
}

// FuzzShortest reads what others write of any float: as few digits as make it, more, or fewer; and what lies between two of 32 bits.
func FuzzShortest(f *testing.F) {
	for _, v := range []float64{0, 1.0 / 3, math.Pi * 1e-7, 1e21, math.MaxFloat32, math.SmallestNonzeroFloat32, 0x1p-126} {
		f.Add(math.Float64bits(v), 9)
	}
	f.Fuzz(func(t *testing.T, bits uint64, digits int) {
		v := math.Float64frombits(bits)
		single := float64(math.Float32frombits(uint32(bits)))
		middle := math.Float64frombits(math.Float64bits(single)&^(1<<29-1) | 1<<28)
		var b []byte
		for _, v := range []float64{v, single, middle, math.Nextafter(middle, 0), math.Nextafter(middle, math.Inf(1))} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			for _, format := range []byte("gef") {
				for _, precision := range []int{-1, 17, int(uint(digits) % 25)} {
					b = strconv.AppendFloat(b[:0], v, format, precision, 64)
					sameNumber(t, string(b))
				}
			}
		}
	})
}

// A long list is skipped by its brackets, to where a walk through its values ends.
func FuzzLeap(f *testing.F) {
	for _, seed := range []string{`[1,[2,[3]],4] ,`, `["]",[1]]x`, `[[[]]]`, `[1,2`, `[{"a":[1]}]`, `{}`, `[true,null]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		whole, fast := walker{body: body}, walker{body: body}
		if whole.skip() {
			require.True(t, fast.leap())
			require.Equal(t, whole.at, fast.at)
			return
		}
		if bytes.IndexByte(body, '"') < 0 { // what leap takes, whoever reads it refuses
			fast.leap()
			require.LessOrEqual(t, fast.at, len(body))
		}
	})
}
