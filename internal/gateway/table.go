package gateway

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Table holds the route of each model: the one in force, and the newest one
// if that cannot be taken up yet. Reading it takes no lock.
type Table struct {
	inForce atomic.Pointer[map[string]catalog.Route]

	mu     sync.Mutex
	newest map[string]catalog.Route
	logger *slog.Logger
	said   map[string]int64 // model → stale rev that was logged
}

// NewTable returns an empty table.
func NewTable(logger *slog.Logger) *Table {
	t := &Table{newest: map[string]catalog.Route{}, logger: logger, said: map[string]int64{}}
	t.inForce.Store(&map[string]catalog.Route{})
	return t
}

// Routes are the routes in force, by model. Not to be changed.
func (t *Table) Routes() map[string]catalog.Route { return *t.inForce.Load() }

// Offer takes newer routes and tells whether there were any. A route whose
// revision is not above the held one's is refused: it is the past, from a slow
// reply or a catalog put back to an old state. A model that is no longer listed
// keeps its route, for the same reason.
func (t *Table) Offer(routes []catalog.Route) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range routes {
		held, ok := t.newest[r.Model]
		if ok && r.Rev <= held.Rev {
			if r.Rev < held.Rev && t.said[r.Model] != r.Rev {
				t.said[r.Model] = r.Rev
				t.logger.Warn("the catalog offers a route older than the one held; it is refused", "model", r.Model, "offered", r.Rev, "held", held.Rev)
			}
			continue
		}
		delete(t.said, r.Model)
		t.newest[r.Model] = r
		changed = true
	}
	return changed
}

// Newest are the routes that shall be in force, by model name.
func (t *Table) Newest() []catalog.Route {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Collect(maps.Values(t.newest))
	slices.SortFunc(out, func(a, b catalog.Route) int {
		if a.Model < b.Model {
			return -1
		}
		return 1
	})
	return out
}

// Settle puts the newest routes in force as far as their production versions
// are ready, and tells whether anything changed. Until then the old route
// stays, without a canary: the new one has no place for it.
func (t *Table) Settle(ready func(serving.Key) bool) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.Routes()
	next := make(map[string]catalog.Route, len(t.newest))
	for model, r := range t.newest {
		held, ok := old[model]
		if ok && held.Rev != r.Rev && held.Stable != "" && r.Stable != "" && stableKey(held) != stableKey(r) && !ready(stableKey(r)) {
			held.Canary, held.CanaryDigest, held.CanaryPermille = "", "", 0
			next[model] = held
			continue
		}
		next[model] = r
	}
	if maps.Equal(old, next) {
		return false
	}
	t.inForce.Store(&next)
	return true
}

func stableKey(r catalog.Route) serving.Key {
	return serving.Key{Model: r.Model, Version: r.Stable, Digest: r.StableDigest}
}

func canaryKey(r catalog.Route) serving.Key {
	return serving.Key{Model: r.Model, Version: r.Canary, Digest: r.CanaryDigest}
}

// keys are the versions a route wants held: what serves, what may, and what
// served before, for a fast way back.
func keys(r catalog.Route) []serving.Key {
	var out []serving.Key
	for _, k := range []serving.Key{stableKey(r), canaryKey(r), {Model: r.Model, Version: r.Previous, Digest: r.PreviousDigest}} {
		if k.Version != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}
