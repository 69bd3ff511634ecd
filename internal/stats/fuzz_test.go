package stats

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"testing"
)

// decodeFloats reads every eight bytes as one float64 of any kind.
func decodeFloats(raw []byte) []float64 {
	out := make([]float64, 0, len(raw)/8)
	for ; len(raw) >= 8; raw = raw[8:] {
		out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
	}
	return out
}

func encodeFloats(values ...float64) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
	}
	return out
}

func hasNaN(values []float64) bool {
	for _, v := range values {
		if math.IsNaN(v) {
			return true
		}
	}
	return false
}

func FuzzKS2(f *testing.F) {
	f.Add(encodeFloats(1, 2, 3), encodeFloats(2, 3, 4, 5))
	f.Add(encodeFloats(0, math.Copysign(0, -1)), encodeFloats(math.Inf(1), math.Inf(-1)))
	f.Add(encodeFloats(math.NaN()), encodeFloats(1))
	f.Add([]byte{}, encodeFloats(1))
	f.Fuzz(func(t *testing.T, rawX, rawY []byte) {
		x, y := decodeFloats(rawX), decodeFloats(rawY)
		got, err := KS2(x, y)
		if len(x) == 0 || len(y) == 0 || hasNaN(x) || hasNaN(y) {
			if err == nil {
				t.Fatalf("accepted %v and %v", x, y)
			}
			return
		}
		if err != nil || !(got.P >= 0 && got.P <= 1) || !(got.D >= 0 && got.D <= 1) || !got.Exact {
			t.Fatalf("KS2(%v, %v) = %+v, %v", x, y, got, err)
		}
		// The asymptotic branch must hold for any size and distance too.
		p := kolmogorovSurvival(float64(len(x)), got.D)
		if !(p >= 0 && p <= 1) {
			t.Fatalf("kolmogorovSurvival(%d, %v) = %v", len(x), got.D, p)
		}
	})
}

func FuzzPSINumeric(f *testing.F) {
	f.Add(encodeFloats(1, 2, 3), encodeFloats(2, 3, 4, 5), 10)
	f.Add(encodeFloats(math.MaxFloat64, -math.MaxFloat64), encodeFloats(math.Inf(1), math.NaN()), 2)
	f.Add(encodeFloats(-math.MaxFloat64), encodeFloats(math.Inf(-1)), 3)
	f.Add(encodeFloats(math.NaN()), encodeFloats(math.NaN()), math.MaxInt)
	f.Fuzz(func(t *testing.T, rawRef, rawCur []byte, bins int) {
		ref, cur := decodeFloats(rawRef), decodeFloats(rawCur)
		got, err := PSINumeric(ref, cur, bins)
		if err != nil {
			if bins >= 2 && !errors.Is(err, ErrNoData) {
				t.Fatal(err)
			}
			return
		}
		if !(got.P >= 0 && got.P <= 1) || !(got.PSI >= 0) {
			t.Fatalf("PSINumeric(%v, %v, %d) = %+v", ref, cur, bins, got)
		}
		inRef, inCur := 0, 0
		for _, b := range got.Bins {
			inRef, inCur = inRef+b.Reference, inCur+b.Current
		}
		if inRef != len(ref) || inCur != len(cur) {
			t.Fatalf("%d of %d reference and %d of %d current values binned", inRef, len(ref), inCur, len(cur))
		}
		if _, err := json.Marshal(got); err != nil {
			t.Fatal(err)
		}
		for _, values := range [][]float64{ref, cur} {
			if _, err := json.Marshal(Describe(values)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
