package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/gateway/predlog"
	"github.com/slipway-ml/slipway/internal/http1"
	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Gateway answers predictions. New makes one, Run runs it once.
type Gateway struct {
	cfg     Config
	id      string
	started time.Time

	table   *Table
	pool    *serving.Pool
	sync    *Sync
	control *control
	budget  *budget
	tracing *tracing
	stats   *Stats
	log     *predlog.Log
	layouts *layouts
	metrics *metrics
	prober  *prober
	// throughput is what releases allow.
	throughput throughput
	grpc       *grpcServer
	changed    chan struct{}

	flushFailing, beatFailing bool
}

// New prepares a gateway. It reads and makes files under StateDir, but talks
// to nobody before Run.
func New(cfg Config) (*Gateway, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	files := cache{dir: filepath.Join(cfg.StateDir, "gateway", "models"), blobs: cfg.Blobs, timeout: cfg.FetchTimeout}
	if err := os.MkdirAll(files.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the gateway's folder: %w", err)
	}
	g := &Gateway{cfg: cfg, started: time.Now(), changed: make(chan struct{}, 1)}
	g.id = cfg.Name + "-" + randomID()
	g.table = NewTable(cfg.Logger)
	g.budget = newBudget(cfg.MaxHeld)
	g.tracing = newTracing(cfg.Traces, func() string {
		r, _ := g.route("") // if there are several, the request fails
		return r.Model
	})
	pool, err := serving.NewPool(serving.PoolConfig{
		Runtime: cfg.Runtime, Fetch: files.fetch, Limits: cfg.Limits, Stock: cfg.Stock, MaxDelay: cfg.MaxDelay, WarmUp: cfg.WarmUp,
		Observe: func(key serving.Key, b serving.Batch) { g.metrics.batches.observe(key, b) }, Trace: g.tracing.hook(), Logger: cfg.Logger,
		Changed: func() {
			select {
			case g.changed <- struct{}{}:
			default: // one word is waiting already
			}
			g.prober.changed()
		},
	})
	if err != nil {
		return nil, err
	}
	g.pool = pool
	g.prober = newProber(pool, func(key serving.Key) time.Duration {
		return (*g.sync.configs.Load())[key].Deployment.HealthCheckInterval.D()
	}, cfg.PredictTimeout, cfg.Logger)
	g.control = newControl()
	g.sync = newSync(cfg, g.table, pool, files, g.control.held)
	g.stats = NewStats(g.id, cfg.Catalog.AddTraffic)
	if g.metrics, err = newMetrics(cfg.Registry, g.table, pool, g.prober, g.budget, g.contact, cfg.Logger); err != nil {
		return nil, err
	}
	g.layouts = &layouts{sensitive: cfg.Sensitive}
	g.log, err = predlog.New(predlog.Config{
		Gateway: g.id, Blobs: cfg.Blobs, Ledger: cfg.Catalog, Rows: cfg.LogRows, Age: cfg.LogAge, Buffer: cfg.LogBuffer,
		Dropped: func(n int) { g.metrics.dropped.Add(float64(n)) }, Bare: func(n int) { g.metrics.bare.Add(float64(n)) }, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	if cfg.GRPC != nil {
		g.grpc = newGRPC(grpcConfig{backend: inference{g}, identity: g.identity(), maxMessage: cfg.MaxBody, held: g.budget})
	}
	return g, nil
}

// ID is the gateway's id in the catalog, new for each start.
func (g *Gateway) ID() string { return g.id }

// identity is what the gateway says of itself in the inference protocol.
func (g *Gateway) identity() oip.Identity {
	return oip.Identity{Name: g.cfg.ServerName, Version: g.cfg.Version}
}

// Peak is the most requests that were under way at once since it was asked last.
func (g *Gateway) Peak() int { return g.budget.most() }

// Synced tells whether the gateway knows what to serve: the catalog has
// answered, or routes were kept from before.
func (g *Gateway) Synced() bool {
	_, ok := g.contact()
	return ok || len(g.table.Routes()) > 0
}

func (g *Gateway) contact() (time.Time, bool) {
	ns := g.sync.contact.Load()
	return time.Unix(0, ns), ns != 0
}

// readTimeout bounds the time in which a request comes whole, over HTTP and gRPC.
const readTimeout = 30 * time.Second

// Run serves until ctx ends, then drains: no new connections, requests in
// flight finished, counts and log delivered, the catalog told, the models
// closed. Each part has DrainTimeout. The error is what did not go well.
func (g *Gateway) Run(ctx context.Context) error {
	g.sync.restore()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	server := http1.New(&http.Server{
		Handler: g.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: readTimeout,
		WriteTimeout: g.cfg.PredictTimeout + 30*time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	})
	var mu sync.Mutex
	var errs []error
	failed := func(err error) {
		if err != nil {
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
			stop()
		}
	}
	var serve, background sync.WaitGroup
	// The background outlives ctx: requests in flight are still counted and logged.
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()
	background.Go(func() { g.sync.run(behind, g.cfg.Poll, g.changed) })
	background.Go(func() { g.prober.run(behind) })
	background.Go(func() { g.report(behind) })
	background.Go(func() { failed(g.log.Run(behind, g.cfg.DrainTimeout)) })
	serve.Go(func() {
		if err := server.Serve(listener{g.cfg.HTTP, newConnections()}); !errors.Is(err, http.ErrServerClosed) {
			failed(fmt.Errorf("serve HTTP on %s: %w", g.cfg.HTTP.Addr(), err))
		}
	})
	if g.grpc != nil {
		background.Go(func() { g.grpc.arrivals.run(behind) })
		serve.Go(func() {
			if err := g.grpc.server.Serve(g.cfg.GRPC); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				failed(fmt.Errorf("serve gRPC on %s: %w", g.cfg.GRPC.Addr(), err))
			}
		})
	}
	<-ctx.Done()

	bounded := func(do func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.cfg.DrainTimeout)
		defer cancel()
		failed(do(ctx))
	}
	if g.grpc != nil {
		bounded(func(ctx context.Context) error { g.grpc.stop(ctx); return nil })
	}
	bounded(func(ctx context.Context) error {
		if err := server.Shutdown(ctx); err != nil {
			return fmt.Errorf("finish the requests in flight: %w", errors.Join(err, server.Close()))
		}
		return nil
	})
	serve.Wait()
	stopBehind()
	background.Wait()
	bounded(func(ctx context.Context) error { return g.stats.Flush(ctx, time.Now()) })
	bounded(func(ctx context.Context) error { return g.cfg.Catalog.Leave(ctx, g.id) })
	bounded(g.pool.Close)
	return errors.Join(errs...)
}

// report tells the catalog, every so often, that the gateway lives, what it
// has loaded and what it counted, and gRPC's watchers how it is.
func (g *Gateway) report(ctx context.Context) {
	tick := time.NewTicker(g.cfg.BeatEvery)
	defer tick.Stop()
	for {
		if g.grpc != nil {
			g.grpc.update(g.health())
		}
		bounded, cancel := context.WithTimeout(ctx, g.cfg.CatalogTimeout)
		beat := g.cfg.Catalog.Beat(bounded, g.self(), g.instances())
		flush := g.stats.Flush(bounded, time.Now())
		cancel()
		if ctx.Err() != nil {
			return
		}
		g.say(&g.beatFailing, beat, "the gateway can't report itself to the catalog")
		g.say(&g.flushFailing, flush, "the counts for canary analysis can't be delivered; they are kept")
		if flush != nil {
			g.metrics.unflushed.Set(1)
		} else {
			g.metrics.unflushed.Set(0)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// say logs when something begins to fail and when it works again.
func (g *Gateway) say(failing *bool, err error, what string) {
	switch {
	case err != nil && !*failing:
		g.cfg.Logger.Warn(what, "error", err)
	case err == nil && *failing:
		g.cfg.Logger.Info("no longer: " + what)
	}
	*failing = err != nil
}

func (g *Gateway) self() catalog.Gateway {
	out := catalog.Gateway{ID: g.id, Host: g.cfg.Name, HTTP: g.cfg.HTTP.Addr().String(), StartedAt: g.started, SeenAt: time.Now()}
	if g.cfg.GRPC != nil {
		out.GRPC = g.cfg.GRPC.Addr().String()
	}
	return out
}

// instances are the versions held here.
func (g *Gateway) instances() []catalog.Instance {
	type version struct{ model, version string }
	seen := map[version]bool{}
	var out []catalog.Instance
	for _, s := range g.prober.statuses() {
		key := version{s.Model, s.Version}
		if seen[key] { // the same name with other bytes, on its way out
			continue
		}
		seen[key] = true
		out = append(out, catalog.Instance{
			Model: s.Model, Version: s.Version, Digest: s.Digest, State: string(s.State), Device: s.Device, Error: clipTo(s.Error, 500), UpdatedAt: s.Since,
		})
	}
	return out
}
