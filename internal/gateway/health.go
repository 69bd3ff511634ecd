package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
)

const (
	probeFor = time.Second     // how long a verdict is good for
	probeMax = 2 * time.Second // how long a probe may take
)

// prober runs a model to see whether it works, at most once in probeFor.
type prober struct {
	pool *serving.Pool

	mu   sync.Mutex
	last map[serving.Key]probe
}

type probe struct {
	at  time.Time
	err error
}

func newProber(pool *serving.Pool) *prober {
	return &prober{pool: pool, last: map[serving.Key]probe{}}
}

// check says why a version does not work, nil if it does. A version that was
// tried with zeros only counts as working.
func (p *prober) check(key serving.Key) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l, ok := p.last[key]; ok && time.Since(l.at) < probeFor {
		return l.err
	}
	err := p.run(key)
	for k, l := range p.last { // forget what is no longer asked for
		if time.Since(l.at) > time.Minute {
			delete(p.last, k)
		}
	}
	if !errors.Is(err, serving.ErrNotReady) { // that may change at any moment
		p.last[key] = probe{time.Now(), err}
	}
	return err
}

func (p *prober) run(key serving.Key) error {
	lease, err := p.pool.Acquire(key)
	if err != nil {
		return err
	}
	defer lease.Release()
	// Not the caller's context: the verdict is for others too.
	ctx, cancel := context.WithTimeout(context.Background(), probeMax)
	defer cancel()
	if err := lease.Health(ctx); err != nil && !errors.Is(err, serving.ErrUnproven) {
		return err
	}
	return nil
}

// health answers GET /health.
type health struct {
	Status  string `json:"status"` // "ok" or "unavailable"
	Gateway string `json:"gateway"`
	Reason  string `json:"reason,omitempty"`
	// CatalogLastContact is how long ago the catalog answered, in seconds; absent if it has not since the start.
	CatalogLastContact *float64               `json:"catalog_last_contact_seconds,omitempty"`
	Models             map[string]modelHealth `json:"models"`
}

type modelHealth struct {
	Healthy        bool   `json:"healthy"`
	Reason         string `json:"reason,omitempty"`
	Stable         string `json:"stable,omitempty"`
	Canary         string `json:"canary,omitempty"`
	CanaryPermille int    `json:"canary_permille"`
	RouteRev       int64  `json:"route_rev"`
	// Loaded are the versions that an operator has loaded.
	Loaded   []string        `json:"loaded,omitempty"`
	Versions []versionHealth `json:"versions"`
}

type versionHealth struct {
	Version   string  `json:"version"`
	State     string  `json:"state"`
	Device    string  `json:"device,omitempty"`
	Instances int     `json:"instances,omitempty"`
	WarmUp    *warmUp `json:"warm_up,omitempty"`
	Error     string  `json:"error,omitempty"`
	// Process is how the version's process is; absent if it has none of its own.
	Process *serving.Process `json:"process,omitempty"`
}

// warmUp is what a version ran before it took requests.
type warmUp struct {
	Rows    []int   `json:"rows"` // of each batch
	Seconds float64 `json:"seconds"`
	// LeftOut says why batch sizes are missing.
	LeftOut string `json:"left_out,omitempty"`
}

func versionHealthOf(s serving.Status) versionHealth {
	out := versionHealth{Version: s.Version, State: string(s.State), Device: s.Device, Instances: s.Instances, Error: clipTo(s.Error, 500), Process: s.Process}
	if w := s.WarmUp; w.Took > 0 {
		out.WarmUp = &warmUp{Rows: append([]int{}, w.Sizes...), Seconds: w.Took.Seconds(), LeftOut: clipTo(w.Left, 500)}
	}
	return out
}

// health is what the gateway knows of itself. It is healthy when the production
// version of every model works. A model without a production version is no
// trouble; a gateway that never learned which models there are is.
func (g *Gateway) health() health {
	out := health{Status: "ok", Gateway: g.id, Models: map[string]modelHealth{}}
	at, ok := g.contact()
	if ok {
		seconds := time.Since(at).Seconds()
		out.CatalogLastContact = &seconds
	}
	for name, r := range g.table.Routes() {
		m := g.modelHealth(r)
		if !m.Healthy {
			out.Status, out.Reason = "unavailable", name+": "+m.Reason
		}
		out.Models[name] = m
	}
	for name, c := range g.control.all() {
		m, routed := out.Models[name]
		if !routed && len(c.versions) > 0 { // whether it works is no verdict on the gateway
			m = g.versionsHealth(modelHealth{Healthy: g.prober.check(c.versions[0].key) == nil}, name)
		}
		for _, v := range c.versions {
			m.Loaded = append(m.Loaded, v.key.Version)
		}
		if routed || len(c.versions) > 0 {
			out.Models[name] = m
		}
	}
	if len(out.Models) == 0 && !ok {
		out.Status, out.Reason = "unavailable", "the catalog has not answered yet, and no routes were kept from before"
	}
	return out
}

func (g *Gateway) modelHealth(r catalog.Route) modelHealth {
	m := modelHealth{Healthy: true, Stable: r.Stable, Canary: r.Canary, CanaryPermille: r.CanaryPermille, RouteRev: r.Rev}
	if r.Stable != "" {
		if err := g.prober.check(stableKey(r)); err != nil {
			m.Healthy, m.Reason = false, clipError(err)
		}
	}
	return g.versionsHealth(m, r.Model)
}

// versionsHealth adds the versions held here.
func (g *Gateway) versionsHealth(m modelHealth, model string) modelHealth {
	for _, s := range g.pool.Statuses() {
		if s.Model == model {
			m.Versions = append(m.Versions, versionHealthOf(s))
		}
	}
	return m
}

func (g *Gateway) serveHealth(w http.ResponseWriter, _ *http.Request) {
	h := g.health()
	status := http.StatusOK
	if h.Status != "ok" {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	g.reply(w, status, h)
}
