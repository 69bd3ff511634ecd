package canary

import (
	"time"

	"github.com/slipway-ml/slipway/internal/spec"
)

// Steps is the way of a canary. With a version in production (baseline) it is
// the spec's list; a first release has nothing to compare with, so all traffic
// goes to it at once, for as long as the spec's last step is watched.
//
// The way always ends with all traffic: a list that stops short gets a last
// step of 100 % that lasts as long as the one before it.
func Steps(c spec.Canary, baseline bool) []spec.Step {
	const all = 1000
	last := spec.Step{Weight: 100, Duration: spec.Duration(time.Minute)}
	if n := len(c.Steps); n > 0 {
		last.Duration = c.Steps[n-1].Duration
	}
	if !baseline {
		return []spec.Step{last}
	}
	steps := append([]spec.Step(nil), c.Steps...)
	if n := len(steps); n == 0 || steps[n-1].Permille() < all {
		steps = append(steps, last)
	}
	return steps
}
