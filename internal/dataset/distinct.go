package dataset

import (
	"math/bits"

	"github.com/axiomhq/hyperloglog"
)

// distinctBits is the precision of a distinctSketch: 2^14 registers.
const distinctBits = 14

// sketchError is the standard error of the estimate of different values (1.04/sqrt(2^14), Flajolet et al. 2007).
const sketchError = 0.0082

// distinctSketch estimates how many different hashes it was given. It fills the
// registers of a HyperLogLog sketch itself, many hashes at a time; the estimate is the library's.
type distinctSketch struct {
	registers [1 << distinctBits]uint8
}

func newDistinctSketch() *distinctSketch { return &distinctSketch{} }

// place is the register of a hash and what it says: one more than the zeros that the rest of the hash starts with.
func place(hash uint64) (at uint64, rank uint8) {
	return hash >> (64 - distinctBits), uint8(bits.LeadingZeros64(hash<<distinctBits|1<<(distinctBits-1))) + 1
}

// InsertHash notes a hash.
func (s *distinctSketch) InsertHash(hash uint64) {
	if at, rank := place(hash); rank > s.registers[at] {
		s.registers[at] = rank
	}
}

// insertAll notes hashes of values.
func (s *distinctSketch) insertAll(hashes []uint64) {
	for _, hash := range hashes {
		if at, rank := place(filled(hash)); rank > s.registers[at] {
			s.registers[at] = rank
		}
	}
}

// merge makes s an estimate of what either saw.
func (s *distinctSketch) merge(o *distinctSketch) {
	for i, rank := range o.registers {
		s.registers[i] = max(s.registers[i], rank)
	}
}

// Estimate is how many different hashes there were.
func (s *distinctSketch) Estimate() uint64 {
	sketch := hyperloglog.NewNoSparse()
	const rest = 64 - distinctBits
	for at, rank := range s.registers {
		switch hash := uint64(at) << rest; {
		case rank > rest:
			sketch.InsertHash(hash)
		case rank > 0: // a hash that says as much
			sketch.InsertHash(hash | 1<<(rest-rank))
		}
	}
	return sketch.Estimate()
}
