package stats

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exact is the agreement asked of closed forms and finite sums.
const exact = 1e-9

// golden decodes one section of testdata/golden.json, made by golden.py.
func golden[T any](t *testing.T, section string) T {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &sections))
	var out T
	require.NoError(t, json.Unmarshal(sections[section], &out))
	return out
}

// number is a float64 whose NaN and infinities are strings in JSON.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*n = number(v)
	return err
}

func floats(numbers []number) []float64 {
	out := make([]float64, len(numbers))
	for i, n := range numbers {
		out[i] = float64(n)
	}
	return out
}

// requireClose demands a relative difference of at most tol, at any magnitude.
func requireClose(t *testing.T, want, got, tol float64, what string) {
	t.Helper()
	if want == got {
		return
	}
	diff := math.Abs(want - got)
	require.LessOrEqualf(t, diff, tol*math.Abs(want), "%s: want %v, got %v, relative difference %.3g",
		what, want, got, diff/math.Abs(want))
}

func requireOptional(t *testing.T, want, got *float64, what string) {
	t.Helper()
	require.Equal(t, want == nil, got == nil, "%s: defined or not", what)
	if want != nil {
		requireClose(t, *want, *got, exact, what)
	}
}
