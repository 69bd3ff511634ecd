package spec_test

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/spec"
)

func bigInt(t *testing.T, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 10)
	require.True(t, ok)
	return n
}

// hyper holds everything that is easily lost between Go, YAML and JSON.
func hyper(t *testing.T) spec.Params {
	return spec.Params{
		"seed": int64(9007199254740993), // not a float64
		"huge": bigInt(t, "123456789012345678901234567890"), "negative": bigInt(t, "-99999999999999999999"), "unsigned": bigInt(t, "18446744073709551615"),
		"one": 1.0, "tiny": 5e-324, "large": math.MaxFloat64, "rate": 1e-6, "third": 1.0 / 3, "minus zero": math.Copysign(0, -1), "round": 1e21,
		"layers": []any{int64(64), 32.0, "16", nil, true, []any{}, map[string]any{}},
		"nested": map[string]any{"optimizer": map[string]any{"name": "adam", "betas": []any{0.9, 0.999}}},
		"text":   []any{"", " spaces ", "yes", "no", "null", "~", "1.0", "1e3", "0x10", "2024-01-31", "a: b", "# c", "line\nbreak\n", "\ttab", "ctrl\x01", "emoji 🙂", "quote\"'", "\u2028", "\u0085", "\ufeff", "*a", "&b", "!c", "<<", "=", "- d"},
		"":       "empty key", "key: odd": "x", "<<": int64(1), "12": "digits",
	}
}

func complete(t *testing.T) spec.Release {
	t.Helper()
	b, err := os.ReadFile("testdata/complete.yaml")
	require.NoError(t, err)
	r, err := spec.Parse("complete.yaml", b)
	require.NoError(t, err)
	return r
}

// Capability T1: a model configuration survives YAML, and JSON into a workflow, without loss.
func TestModelConfigurationSurvivesYAMLAndJSON(t *testing.T) {
	t.Parallel()
	r := complete(t)
	r.Model.Hyperparameters, r.Model.Training = hyper(t), hyper(t)
	text, err := r.YAML()
	require.NoError(t, err)
	back, err := spec.Parse("again.yaml", text)
	require.NoError(t, err, string(text))
	require.Equal(t, r, back)
	require.True(t, math.Signbit(back.Model.Training["minus zero"].(float64)))
	again, err := back.YAML()
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))

	b, err := json.Marshal(r)
	require.NoError(t, err)
	strict, err := spec.DecodeJSON(b)
	require.NoError(t, err)
	require.Equal(t, r, strict)
	var lenient spec.Release // as a workflow reads its input
	require.NoError(t, json.Unmarshal(b, &lenient))
	require.Equal(t, r, lenient)
}

func TestParamsReadYAML(t *testing.T) {
	t.Parallel()
	var p spec.Params
	text := "a: 0x1F\nb: 1_000\nc: 0o17\nd: 2024-01-31\ne: 12345678901234567890123\n"
	require.NoError(t, yaml.Unmarshal([]byte(text), &p))
	require.Equal(t, spec.Params{
		"a": int64(31), "b": int64(1000), "c": int64(15), "d": "2024-01-31", "e": bigInt(t, "12345678901234567890123"),
	}, p)
	require.NoError(t, yaml.Unmarshal([]byte("f: !!float 3\ng: \"3\"\nh: [&x 1, *x]\ni: True\n"), &p))
	require.Equal(t, spec.Params{"f": 3.0, "g": "3", "h": []any{int64(1), int64(1)}, "i": true}, p)
}

func TestParamsRefuse(t *testing.T) {
	t.Parallel()
	for _, v := range []any{math.NaN(), math.Inf(1), []any{math.Inf(-1)}, map[string]any{"x": time.Now()}, float32(1)} {
		_, err := json.Marshal(spec.Params{"a": v})
		require.Error(t, err)
		_, err = yaml.Marshal(spec.Params{"a": v})
		require.Error(t, err)
		r := complete(t)
		r.Model.Training = spec.Params{"a": v}
		require.ErrorContains(t, r.Validate(), "model.training.a")
	}
	var p spec.Params
	for _, text := range []string{`[1]`, `{"a":1e999}`, `{"a":1,"a":2}`, `{"a"`, `3`, `{} {}`} {
		require.Error(t, p.UnmarshalJSON([]byte(text)), text)
	}
}

func TestDurationText(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"72h": 72 * time.Hour, "1h30m": 90 * time.Minute, "5m": 5 * time.Minute, "10s": 10 * time.Second, "1h0m5s": time.Hour + 5*time.Second,
		"500ms": 500 * time.Millisecond, "0s": 0, "1m40s": 100 * time.Second, "10m": 10 * time.Minute, "20h": 20 * time.Hour,
	} {
		require.Equal(t, want, spec.Duration(d).String())
	}
}
