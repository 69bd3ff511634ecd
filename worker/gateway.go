package main

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/procs"
	"github.com/slipway-ml/slipway/internal/telemetry"
)

// gateway serves predictions until ctx ends. It opens the catalog and the blob
// store for itself and when they can be had, so that it comes up without them. Where nothing else
// runs in the process, and no model, alone, its threads follow the requests.
func (p *platform) gateway(ctx context.Context, http, grpc net.Listener, alone bool, up func()) (err error) {
	cat := lazyCatalog{&lazy[*catalog.Catalog]{open: func(ctx context.Context) (*catalog.Catalog, error) { return catalog.Open(ctx, p.cfg.Catalog) }}}
	defer func() { err = errors.Join(err, cat.close((*catalog.Catalog).Close)) }()
	blobs := lazyStore{&lazy[*store]{open: p.cfg.openStore}}
	defer func() { err = errors.Join(err, blobs.close((*store).Close)) }()
	models, err := p.runtime()
	if err != nil {
		return err
	}
	operator, err := p.cfg.operatorToken()
	if err != nil {
		return err
	}
	provider, sent, err := p.traces(ctx)
	if err != nil {
		return err
	}
	defer sent()
	g, err := gateway.New(gateway.Config{
		HTTP: http, GRPC: grpc, Catalog: cat, Blobs: blobs, Runtime: models,
		StateDir: p.cfg.State, Token: p.token, ModelControl: p.cfg.ModelControl, OperatorToken: operator, Stock: p.cfg.stock, Traces: provider, ServerName: p.cfg.ServerName, Version: version, Logger: p.log, LogLevels: p.cfg.logLevels,
	})
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gatewayGC)
	}
	up()
	if !alone || p.cfg.Isolation != isolationProcess || !procs.Fits() {
		return g.Run(ctx)
	}
	governed, stop := context.WithCancel(ctx)
	var governor sync.WaitGroup
	governor.Go(func() { procs.New(g.Peak).Run(governed) })
	defer governor.Wait()
	defer stop()
	return g.Run(ctx)
}

// traces makes the spans of a gateway's requests, if the environment says where to send them; nil makes none. The
// caller calls sent when the last request is answered.
func (p *platform) traces(ctx context.Context) (provider trace.TracerProvider, sent func(), err error) {
	traces, err := telemetry.Traces(ctx, "slipway-gateway", version)
	if err != nil || traces == nil { // a nil *sdk.TracerProvider in the interface would not be nil
		return nil, func() {}, err
	}
	return traces, func() {
		if err := finish(ctx, traces.Shutdown); err != nil {
			p.log.Warn("the last traces could not be sent", "error", err)
		}
	}, nil
}

// gatewayGC is how much garbage a process with a gateway may hold, in percent of what it uses (GOGC). What a
// gateway uses is little, so that Go's 100 would have it collect many times a second.
const gatewayGC = 200

// finish gives what is left to do after ctx has ended some seconds.
func finish(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return do(ctx)
}
