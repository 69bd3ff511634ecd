package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/axiomhq/hyperloglog"
	"github.com/stretchr/testify/require"
)

// TestEstimatesAreWithinTheirErrors feeds more values than are kept exactly.
func TestEstimatesAreWithinTheirErrors(t *testing.T) {
	t.Parallel()
	const n = 300_000
	c := newCounter(1000)
	s := newSample(2000)
	sketch, err := newQuantileSketch()
	require.NoError(t, err)
	rows := newRowSet()
	set := &hashSet{limit: 1000}
	for i := range n {
		hash := mix(uint64(i) + 1)
		c.id(hash)
		rows.add([]uint64{mix(hash)})
		set.add(hash)
		s.seen++
		if rank := rankOf(int64(i)); rank < s.bound {
			s.keep(rank, float64(i))
		}
		require.NoError(t, sketch.Add(float64(i)))
	}
	distinct, method := c.distinct()
	require.NotEqual(t, Exact, method)
	require.InEpsilon(t, n, distinct, 4*sketchError)
	require.Nil(t, c.counts, "counting was given up")
	different, method := rows.distinct()
	require.Equal(t, Exact, method)
	require.InDelta(t, n, different, 0)
	different, method = set.distinct()
	require.NotEqual(t, Exact, method)
	require.InEpsilon(t, n, different, 4*sketchError)
	require.True(t, set.add(mix(1)), "what the set holds is still found")

	require.False(t, s.exact())
	require.Len(t, s.values(), 2000)
	for _, q := range []float64{0.05, 0.5, 0.95} {
		// Four standard errors of the rank of a quantile of 2000 values.
		require.InDelta(t, q*n, quantileOf(s.values(), q), 4*n*math.Sqrt(q*(1-q)/2000))
		x, err := sketch.GetValueAtQuantile(q)
		require.NoError(t, err)
		require.InEpsilon(t, q*n, x, 2*quantileAccuracy)
	}
}

func TestCounterKeepsFrequentValues(t *testing.T) {
	t.Parallel()
	c := newCounter(100)
	for i := range 10_000 {
		c.id(mix(uint64(i%90 + 1)))
		if i%50 == 0 {
			c.id(mix(uint64(i + 1000)))
		}
	}
	require.True(t, c.full)
	require.False(t, c.stop, "most values are known")
	require.Equal(t, int64(112), c.counts[0])
}

func TestMomentsAreStable(t *testing.T) {
	t.Parallel()
	m := newMoments()
	for range 1_000_000 / 4 {
		low, high := m.add([]float64{1e9, 1e9 + 1, 1e9, 1e9 + 1})
		require.InDelta(t, 1e9, low, 0)
		require.InDelta(t, 1e9+1, high, 0)
	}
	m.join()
	require.InDelta(t, 1e9+0.5, m.mean, 1e-6)
	require.InEpsilon(t, 0.50000025, m.std(), 1e-9)
	require.InDelta(t, 1e15+5e5, m.sum+m.lost, 0)
}

// FuzzMatcher holds the automaton against package regexp.
func FuzzMatcher(f *testing.F) {
	f.Add("[a-z]+@x\\.(com|de)", "abc@x.de")
	f.Add("a{2,3}|(b*c)?", "bbc")
	f.Add("(?i)straße|^x$", "STRASSE")
	f.Add("\\bx\\b", "x")
	f.Add("(?s).*", "\n")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 {
			return
		}
		p, err := regexp.Compile(`^(?:` + pattern + `)$`)
		if err != nil {
			return
		}
		require.Equal(t, p.MatchString(text), newMatcher(p).match([]byte(text)), "%q %q", pattern, text)
	})
}

// TestDistinctSketchIsHyperLogLog compares with a sketch that is given every hash.
func TestDistinctSketchIsHyperLogLog(t *testing.T) {
	t.Parallel()
	fast, all := newDistinctSketch(), hyperloglog.NewNoSparse()
	hashes := []uint64{0, 1, math.MaxUint64}
	for i := range 100_000 {
		hashes = append(hashes, mix(uint64(i)))
	}
	for _, h := range hashes {
		all.InsertHash(filled(h))
		fast.InsertHash(filled(h))
	}
	require.Equal(t, all.Estimate(), fast.Estimate())
	batch := newDistinctSketch()
	batch.insertAll(hashes)
	require.Equal(t, all.Estimate(), batch.Estimate())
}

// TestDecimalsAreRoundedOnce compares with strconv: digits and a point of any length and place.
func TestDecimalsAreRoundedOnce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 10))
	for range 300_000 {
		text := strconv.FormatUint(rng.Uint64()>>rng.IntN(64), 10)
		switch rng.IntN(4) {
		case 0:
			text = strconv.FormatFloat(rng.NormFloat64(), 'f', -1, 64)
		case 1: // halfway between two numbers, or nearly
			text = strconv.FormatUint(1<<53+rng.Uint64N(1<<53), 10) + []string{".5", "5", "", ".50", ".49"}[rng.IntN(5)]
		case 2:
			text = strings.Repeat("0", rng.IntN(3)) + text
			at := rng.IntN(len(text) + 1)
			text = text[:at] + "." + text[at:]
		}
		want, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		got, ok := parseNumberBytes([]byte(text))
		require.True(t, ok, text)
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), text)
	}
}

// FuzzNumbers holds the fast readers against strconv.
func FuzzNumbers(f *testing.F) {
	for _, text := range []string{"1", "-0", "+7", "1e5", ".5", "5.", "1.7976931348623157e308", "123456789012345678901", "0.000001", "1_0", "--1", "1e999", "-9223372036854775808",
		"0.12345678901234567", "-179.99999999999997", "9007199254740993", "1844674407370955161.5", "0.0000000000000000001", "12345678.12345678x", ".", "-."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, ok := parseNumber(text)
		got, gotOK := parseNumberBytes([]byte(text))
		require.Equal(t, ok, gotOK, text)
		if ok {
			require.Equal(t, math.Float64bits(want), math.Float64bits(got), text)
		}
		whole, ok := parseInteger(text)
		gotWhole, gotOK := parseIntegerBytes([]byte(text))
		require.Equal(t, ok, gotOK, text)
		require.Equal(t, whole, gotWhole, text)
	})
}

// FuzzDates holds that what is read as a date is written back as the same moment.
func FuzzDates(f *testing.F) {
	f.Add("2024-02-29T12:34:56.789+01:00")
	f.Add("2024-02-30")
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := parseISO(text)
		if !ok || strings.HasPrefix(formatMicros(v), "-") || len(formatMicros(v)) < 10 || formatMicros(v)[4] != '-' {
			return
		}
		again, ok := parseISO(formatMicros(v))
		require.True(t, ok, "%q %s", text, formatMicros(v))
		require.Equal(t, v, again)
	})
}

func TestHashesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[uint64]string{}
	for _, base := range []string{"", "a", "aa", "aaa", "aaaa", "aaaaq", "aaaaaaaa", "aaaaaaaaa", strings.Repeat("a", 16), strings.Repeat("a", 17)} {
		for i := range 300 {
			word := base + fmt.Sprint(i)
			if other, twice := seen[hashText([]byte(word))]; twice && other != word {
				t.Fatalf("%q and %q have one hash", word, other)
			}
			seen[hashText([]byte(word))] = word
		}
	}
}
