package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
)

// choice is a version picked for a request, held open until release.
type choice struct {
	serving.Lease
	key   serving.Key
	rev   int64
	other *serving.Key // the production version, if this is the canary
}

// bucket is a subject's place from 0 to 999 on a model's scale. It does not
// depend on the weight: a subject below it is on the canary, so raising the
// weight only moves subjects to the canary and lowering only away from it.
// The model's name is mixed in, so that it is not always the same people who try
// what is new.
func bucket(model, subject string) int {
	sum := sha256.Sum256([]byte("slipway bucket\x00" + model + "\x00" + subject))
	return int(binary.BigEndian.Uint64(sum[:8]) % 1000)
}

// onCanary decides the share. A request without a subject is drawn at random,
// each on its own.
func onCanary(r catalog.Route, subject string) bool {
	switch {
	case r.Canary == "" || r.CanaryPermille <= 0:
		return false
	case r.CanaryPermille >= 1000:
		return true
	case subject != "":
		return bucket(r.Model, subject) < r.CanaryPermille
	}
	return rand.IntN(1000) < r.CanaryPermille //nolint:gosec // a share, not a secret
}

// pick chooses the version for a request. Only here may the canary be passed
// over, because it is not ready: no request has been given to it then.
func pick(r catalog.Route, subject string, pool *serving.Pool) (choice, error) {
	if onCanary(r, subject) && (r.Stable != "" || r.CanaryPermille >= 1000) {
		lease, err := pool.Acquire(canaryKey(r))
		if err == nil {
			c := choice{Lease: lease, key: canaryKey(r), rev: r.Rev}
			if r.Stable != "" {
				k := stableKey(r)
				c.other = &k
			}
			return c, nil
		}
		if r.Stable == "" {
			return choice{}, err
		}
	}
	if r.Stable == "" {
		return choice{}, fmt.Errorf("%s: %w: no version of it is in production yet", r.Model, serving.ErrNotReady)
	}
	lease, err := pool.Acquire(stableKey(r))
	if err != nil {
		return choice{}, err
	}
	return choice{Lease: lease, key: stableKey(r), rev: r.Rev}, nil
}
