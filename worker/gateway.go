package main

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime/debug"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/gateway"
)

// gateway serves predictions until ctx ends. It opens the catalog and the blob
// store for itself and when they can be had, so that it comes up without them.
func (p *platform) gateway(ctx context.Context, http, grpc net.Listener, up func()) (err error) {
	cat := lazyCatalog{&lazy[*catalog.Catalog]{open: func(ctx context.Context) (*catalog.Catalog, error) { return catalog.Open(ctx, p.cfg.Catalog) }}}
	defer func() { err = errors.Join(err, cat.close((*catalog.Catalog).Close)) }()
	blobs := lazyStore{&lazy[*store]{open: p.cfg.openStore}}
	defer func() { err = errors.Join(err, blobs.close((*store).Close)) }()
	models, err := p.runtime()
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{
		HTTP: http, GRPC: grpc, Catalog: cat, Blobs: blobs, Runtime: models,
		StateDir: p.cfg.State, Token: p.token, Version: version, Logger: p.log,
	})
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gatewayGC)
	}
	up()
	return g.Run(ctx)
}

// gatewayGC is how much garbage a process with a gateway may hold, in percent of what it uses (GOGC). What a
// gateway uses is little, so that Go's 100 would have it collect many times a second.
const gatewayGC = 200
