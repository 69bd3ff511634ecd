package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A set of keys is exact up to its bound; beyond, it misses no key, and its error is as large as it says.
func TestKeySet(t *testing.T) {
	t.Parallel()
	k := newKeySet(1)
	k.exact.limit, k.bits = 1000, 1<<16
	for i := range uint64(999) {
		k.add(mix(i))
		k.add(mix(i))
	}
	require.Equal(t, Exact, k.method())
	require.True(t, k.has(mix(998)))
	require.False(t, k.has(mix(999)))
	for i := range uint64(10_000) {
		k.add(mix(i))
	}
	wrong := 0
	for i := range uint64(10_000) {
		require.True(t, k.has(mix(i)))
		if k.has(mix(1<<40 + i)) {
			wrong++
		}
	}
	require.InEpsilon(t, 10_000, k.n, 0.02, "near enough for its own error")
	require.InDelta(t, 440, wrong, 100, "(1-exp(-4n/m))^4 of 10,000 with n = 10,000 and m = 65,536")
	require.Regexp(t, `^Bloom filter of about \d+ values: 4\.\d %`, string(k.method()))
	require.Equal(t, keyBits/4, newKeySet(3).bits)
	require.Equal(t, maxKeys/3, newKeySet(3).exact.limit)
}
