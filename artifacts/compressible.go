package artifacts

import "github.com/klauspost/compress"

// leastEstimate is the compressibility, 0 (none) to 1, from which on compression is tried.
const leastEstimate = 0.05

// probe is the size in bytes of a sample.
const probe = 4096

// compressible guesses from three samples whether compression is worth trying: on
// data that is compressed already, which is most of what is large, it costs more than
// hashing.
func compressible(b []byte) bool {
	if len(b) < 64 {
		return false
	}
	if len(b) <= 3*probe {
		return compress.Estimate(b) >= leastEstimate
	}
	// Their mean: one alone often looks a little compressible and is not.
	middle := len(b) / 2
	sum := compress.Estimate(b[:probe]) + compress.Estimate(b[middle:middle+probe]) + compress.Estimate(b[len(b)-probe:])
	return sum >= 3*leastEstimate
}
