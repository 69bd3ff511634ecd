package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/mirror"
	"github.com/slipway-ml/slipway/internal/stack"
	"github.com/slipway-ml/slipway/internal/webhook"
)

// listeners are bound before anything starts, so that a port in use is one clear error and no role runs half.
type listeners struct {
	control, health, gatewayHTTP, gatewayGRPC net.Listener
}

func (c *config) listen(roles []string) (listeners, error) {
	var l listeners
	bind := func(wanted bool, what, flag, address string, at *net.Listener) error {
		if !wanted {
			return nil
		}
		var err error
		if *at, err = net.Listen("tcp", address); err != nil {
			return fmt.Errorf("%s can't listen on %s (stop what listens there, or choose another address with %s; dev: --ports auto): %w", what, address, flag, err)
		}
		return nil
	}
	for _, err := range []error{
		bind(slices.Contains(roles, roleControl), "control API", "--control-listen", c.ControlListen, &l.control),
		bind(c.watched(roles), "health endpoint", "--health-listen", c.HealthListen, &l.health),
		bind(slices.Contains(roles, roleGateway), "gateway", "--gateway-http", c.GatewayHTTP, &l.gatewayHTTP),
		bind(slices.Contains(roles, roleGateway), "gateway", "--gateway-grpc", c.GatewayGRPC, &l.gatewayGRPC),
	} {
		if err != nil {
			l.close()
			return l, err
		}
	}
	return l, nil
}

func (l listeners) close() {
	for _, one := range []net.Listener{l.control, l.health, l.gatewayHTTP, l.gatewayGRPC} {
		if one != nil {
			_ = one.Close() // its server may have closed it
		}
	}
}

// stack is what these listeners and the configuration make reachable.
func (l listeners) stack(cfg *config) stack.Stack {
	s := stack.Stack{Temporal: cfg.TemporalAddress, UI: cfg.UI, PID: pid()}
	if l.control != nil {
		s.Control = "http://" + l.control.Addr().String()
	}
	if l.gatewayHTTP != nil {
		s.GatewayHTTP = "http://" + l.gatewayHTTP.Addr().String()
		s.GatewayGRPC = l.gatewayGRPC.Addr().String()
	}
	return s
}

// serve is `slipwayd run`: the named roles until ctx ends.
func serve(ctx context.Context, cfg *config, roles []string, stdout io.Writer, log *slog.Logger) error {
	if err := cfg.settle(roles); err != nil {
		return err
	}
	l, err := cfg.listen(roles)
	if err != nil {
		return err
	}
	return runRoles(ctx, cfg, roles, l, log, func(s stack.Stack) error { return printStack(s, "json", stdout) })
}

// platform is what roles share.
type platform struct {
	cfg     *config
	catalog *catalog.Catalog
	store   *artifacts.Store
	data    *dataversion.Library
	keepers dataversion.Keepers   // of the store
	tracked *artifacts.Repository // the repository of data, for the artifacts of runs
	courier *webhook.Courier
	mirror  *mirror.Mirror // nil: runs are kept here only
	token   string
	maskKey []byte
	log     *slog.Logger
}

// runRoles runs the roles until ctx ends or one fails; ready is told once all of them work.
func runRoles(ctx context.Context, cfg *config, roles []string, l listeners, log *slog.Logger, ready func(stack.Stack) error) (err error) {
	defer l.close()
	p, err := open(ctx, cfg, len(workerRoles(roles)) > 0, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	group, ctx := errgroup.WithContext(ctx)
	started := make(chan struct{}, 4)
	start := func(role func(context.Context, func()) error) {
		group.Go(func() error { return role(ctx, func() { started <- struct{}{} }) })
	}
	want := 0
	if queues := workerRoles(roles); len(queues) > 0 {
		want++
		start(func(ctx context.Context, up func()) error { return p.workers(ctx, queues, up) })
	}
	if l.control != nil {
		want++
		start(func(ctx context.Context, up func()) error { return p.control(ctx, l.control, up) })
	}
	if l.health != nil {
		want++
		start(func(ctx context.Context, up func()) error { return p.health(ctx, l.health, up) })
	}
	if l.gatewayHTTP != nil {
		want++
		start(func(ctx context.Context, up func()) error {
			return p.gateway(ctx, l.gatewayHTTP, l.gatewayGRPC, len(roles) == 1, up)
		})
	}
	group.Go(func() error {
		for range want {
			select {
			case <-started:
			case <-ctx.Done():
				return nil
			}
		}
		log.Info("ready", "roles", roles)
		return ready(l.stack(cfg))
	})
	return group.Wait()
}

// open makes the platform; only the worker roles need the catalog and the store from the start.
func open(ctx context.Context, cfg *config, workers bool, log *slog.Logger) (*platform, error) {
	p := &platform{cfg: cfg, log: log}
	var err error
	if p.token, err = cfg.token(); err != nil || !workers {
		return p, err
	}
	if p.maskKey, err = cfg.maskKey(); err != nil {
		return nil, err
	}
	opened, err := cfg.openStore(ctx)
	if err != nil {
		return nil, err
	}
	p.store, p.keepers = opened.Store, opened.keepers
	if p.catalog, err = openCatalog(ctx, cfg.Catalog, log); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	repository, err := artifacts.NewRepository(p.store, p.catalog, artifacts.Options{Cache: dataversion.CacheFolder()})
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.data = dataversion.New(p.catalog, p.store, repository)
	// Without the cache of unchanged files: each artifact is a new file.
	if p.tracked, err = artifacts.NewRepository(p.store, p.catalog, artifacts.Options{}); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.courier, err = p.newCourier(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.mirror, err = p.newMirror(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *platform) newCourier() (*webhook.Courier, error) {
	networks, err := webhook.ParseNetworks(p.cfg.WebhookNetworks)
	if err != nil {
		return nil, usageError{fmt.Errorf("--webhook-networks: %w", err)}
	}
	cfg := webhook.Config{Catalog: p.catalog, Networks: networks, Log: p.log}
	if len(p.keepers) > 0 {
		cfg.Keeper = p.keepers
	}
	return webhook.New(cfg)
}

func (p *platform) close() error {
	var errs []error
	if p.catalog != nil {
		errs = append(errs, p.catalog.Close(), p.store.Close(), p.keepers.Close())
	}
	return errors.Join(errs...)
}
