package dataset

import (
	"math"
	"strconv"
)

func pluralRows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return strconv.Itoa(n) + " rows"
}

func pluralValues(n int) string {
	if n == 1 {
		return "1 value"
	}
	return strconv.Itoa(n) + " values"
}

func formatNumber(v float64) string {
	if v != 0 && (math.Abs(v) < 1e-6 || math.Abs(v) >= 1e21) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// shorten keeps samples readable.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	if runes := []rune(s[:min(len(s), 4*most+4)]); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
