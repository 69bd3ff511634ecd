package gateway

import (
	"net/http"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
)

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
	// Check is the last health check; absent as long as nothing of it has run.
	Check *healthCheck `json:"check,omitempty"`
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

// healthCheck is the last run of a version that was to see whether it works.
type healthCheck struct {
	At      time.Time `json:"at"`
	OK      bool      `json:"ok"`
	Seconds float64   `json:"seconds"` // that it took; 0: it was part of the warm-up
	Error   string    `json:"error,omitempty"`
	// Interval is the time between two of them, in seconds.
	Interval float64 `json:"interval_seconds"`
}

func (g *Gateway) versionHealth(s serving.Status) versionHealth {
	out := versionHealth{Version: s.Version, State: string(s.State), Device: s.Device, Instances: s.Instances, Error: clipTo(s.Error, 500), Process: s.Process}
	if w := s.WarmUp; w.Took > 0 {
		out.WarmUp = &warmUp{Rows: append([]int{}, w.Sizes...), Seconds: w.Took.Seconds(), LeftOut: clipTo(w.Left, 500)}
	}
	if c, ok := g.prober.last(s.Key); ok {
		out.Check = &healthCheck{At: c.at, OK: c.err == nil, Seconds: c.took.Seconds(), Interval: g.prober.every(s.Key).Seconds()}
		if c.err != nil {
			out.Check.Error = clipError(c.err)
		}
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
			m = g.versionsHealth(modelHealth{Healthy: g.prober.verdict(c.versions[0].key) == nil}, name)
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
		if err := g.prober.verdict(stableKey(r)); err != nil {
			m.Healthy, m.Reason = false, clipError(err)
		}
	}
	return g.versionsHealth(m, r.Model)
}

// versionsHealth adds the versions held here.
func (g *Gateway) versionsHealth(m modelHealth, model string) modelHealth {
	for _, s := range g.prober.statuses() {
		if s.Model == model {
			m.Versions = append(m.Versions, g.versionHealth(s))
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
