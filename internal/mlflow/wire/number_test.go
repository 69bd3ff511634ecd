package wire_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/mlflow/wire"
)

func TestNumbersAsProtocolBuffersWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"5": 5, `"5"`: 5, "1e3": 1000, "5.0": 5, "-9223372036854775808": math.MinInt64, "null": 0} {
		var got wire.Integer
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.EqualValues(t, want, got, text)
	}
	for _, text := range []string{`"x"`, "1.5", "1e30", "{}", `""`} {
		var got wire.Integer
		require.Error(t, json.Unmarshal([]byte(text), &got), text)
	}
	for text, want := range map[string]float64{"0.1": .1, `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), "1e999": math.Inf(1), `"2.5"`: 2.5} {
		var got wire.Float
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		require.EqualValues(t, want, got, text)
	}
	var yes wire.Bool
	require.NoError(t, json.Unmarshal([]byte(`"True"`), &yes))
	require.True(t, bool(yes))
}

// FuzzFloat: what is read and written is read as the same.
func FuzzFloat(f *testing.F) {
	for _, seed := range []string{"0.1", `"NaN"`, `"-Infinity"`, "1e999", `"x"`, "-0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second wire.Float
		if json.Unmarshal([]byte(text), &first) != nil {
			return
		}
		out, err := json.Marshal(first)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(out, &second))
		if math.IsNaN(float64(first)) {
			require.True(t, math.IsNaN(float64(second)))
			return
		}
		require.Equal(t, math.Float64bits(float64(first)), math.Float64bits(float64(second)))
	})
}
