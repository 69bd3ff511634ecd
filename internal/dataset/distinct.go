package dataset

import (
	"math/bits"

	"github.com/axiomhq/hyperloglog"
)

// distinctBits is the precision of a distinctSketch: 2^14 registers.
const distinctBits = 14

// sketchError is the standard error of the estimate of different values (1.04/sqrt(2^14), Flajolet et al. 2007).
const sketchError = 0.0082

// distinctSketch estimates how many different hashes it was given. It keeps the
// registers of the HyperLogLog sketch beside it, and bothers that only with a
// hash that changes one: few do, once many were seen.
type distinctSketch struct {
	registers [1 << distinctBits]uint8
	sketch    *hyperloglog.Sketch
}

func newDistinctSketch() *distinctSketch {
	return &distinctSketch{sketch: hyperloglog.NewNoSparse()}
}

// InsertHash notes a hash.
func (s *distinctSketch) InsertHash(hash uint64) {
	at, rank := hash>>(64-distinctBits), uint8(bits.LeadingZeros64(hash<<distinctBits|1<<(distinctBits-1)))+1
	if rank > s.registers[at] {
		s.registers[at] = rank
		s.sketch.InsertHash(hash)
	}
}

// insertAll notes hashes of values.
func (s *distinctSketch) insertAll(hashes []uint64) {
	for _, hash := range hashes {
		hash = filled(hash)
		at, rank := hash>>(64-distinctBits), uint8(bits.LeadingZeros64(hash<<distinctBits|1<<(distinctBits-1)))+1
		if rank > s.registers[at] {
			s.registers[at] = rank
			s.sketch.InsertHash(hash)
		}
	}
}

// merge makes s an estimate of what either saw. Sketches of another precision,
// which is all that can fail, there are none.
func (s *distinctSketch) merge(o *distinctSketch) {
	for i, rank := range o.registers {
		s.registers[i] = max(s.registers[i], rank)
	}
	_ = s.sketch.Merge(o.sketch)
}

// Estimate is how many different hashes there were.
func (s *distinctSketch) Estimate() uint64 { return s.sketch.Estimate() }
