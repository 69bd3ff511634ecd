package canary

import (
	"errors"
	"fmt"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// LatencyAccuracy is the relative error of a latency read from a sketch: a
// value x is reported as something in [x(1-a), x(1+a)].
//
// Source: C. Masson, J. E. Rim and H. K. Lee, "DDSketch: a fast and
// fully-mergeable quantile sketch with relative-error guarantees", VLDB 12 (2019).
const LatencyAccuracy = 0.01

// maxBins bounds a sketch's memory. At 1 % accuracy 2048 bins span 17 orders
// of magnitude; only beyond that are the smallest values merged.
const maxBins = 2048

// NewLatency returns an empty sketch of latencies in milliseconds. Sketches
// made here, by any process, merge without loss.
func NewLatency() (*ddsketch.DDSketch, error) {
	s, err := ddsketch.LogCollapsingLowestDenseDDSketch(LatencyAccuracy, maxBins)
	if err != nil {
		return nil, fmt.Errorf("new latency sketch: %w", err)
	}
	return s, nil
}

// EncodeLatency writes the sketch in DDSketch's own format, mapping included;
// a nil or empty sketch becomes no bytes.
func EncodeLatency(s *ddsketch.DDSketch) []byte {
	if s == nil || s.IsEmpty() {
		return nil
	}
	var b []byte
	s.Encode(&b, false)
	return b
}

// DecodeLatency reads what EncodeLatency wrote. Bytes that are no sketch, a
// sketch of another accuracy, and counts that are no counts are errors.
func DecodeLatency(b []byte) (s *ddsketch.DDSketch, err error) {
	if len(b) == 0 {
		return NewLatency()
	}
	// The decoder trusts its input; a panic on damaged bytes is an error here.
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("decode latency sketch: damaged: %v", r)
		}
	}()
	provider := func() store.Store { return store.NewCollapsingLowestDenseStore(maxBins) }
	got, err := ddsketch.DecodeDDSketch(b, provider, nil)
	if err != nil {
		return nil, fmt.Errorf("decode latency sketch: %w", err)
	}
	bad := false
	got.ForEach(func(value, count float64) bool {
		bad = !(count >= 0 && count <= 1<<52) || count != math.Trunc(count) || !(value >= 0) || math.IsInf(value, 0)
		return bad
	})
	if n := got.GetCount(); bad || !(n >= 0 && n <= 1<<52) {
		return nil, errors.New("decode latency sketch: counts or latencies out of range")
	}
	into, err := NewLatency()
	if err != nil {
		return nil, err
	}
	if err := into.MergeWith(got); err != nil { // also refuses another accuracy
		return nil, fmt.Errorf("decode latency sketch: %w", err)
	}
	return into, nil
}

// atRank is the value of the r-th smallest latency, 1 <= r <= n, within LatencyAccuracy.
func atRank(s *ddsketch.DDSketch, r, n int64) (float64, bool) {
	if s == nil || r < 1 || r > n || n < 1 {
		return 0, false
	}
	q := 0.5
	if n > 1 {
		// The sketch looks for the first bin whose cumulative count exceeds
		// q(n-1); half a rank keeps rounding from reaching a neighbour's bin.
		q = min((float64(r)-0.5)/float64(n-1), 1)
	}
	v, err := s.GetValueAtQuantile(q)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}
