package main

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime/debug"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// gateway serves predictions until ctx ends. It opens the catalog and the blob
// store for itself and when they can be had, so that it comes up without them.
func (p *platform) gateway(ctx context.Context, http, grpc net.Listener, up func()) (err error) {
	cat := lazyCatalog{&lazy[*catalog.Catalog]{open: func(ctx context.Context) (*catalog.Catalog, error) { return catalog.Open(ctx, p.cfg.Catalog) }}}
	defer func() { err = errors.Join(err, cat.close((*catalog.Catalog).Close)) }()
	blobs := lazyStore{&lazy[*store]{open: p.cfg.openStore}}
	defer func() { err = errors.Join(err, blobs.close((*store).Close)) }()
	g, err := gateway.New(gateway.Config{
		HTTP: http, GRPC: grpc, Catalog: cat, Blobs: blobs, Runtime: lazyRuntime{onnx.Options{Device: onnx.Device(p.cfg.Device), DeviceMemory: int64(p.cfg.DeviceMemoryMB) << 20}},
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

// lazyRuntime finds ONNX Runtime when a model is to be loaded: without the
// library a gateway lives, reports why its models fail, and serves once it is in place.
type lazyRuntime struct{ options onnx.Options }

func (l lazyRuntime) Load(ctx context.Context, artifact []byte, config spec.Model) (serving.Model, error) {
	r, err := onnx.Find()
	if err != nil {
		return nil, err
	}
	loaded, err := serving.NewONNX(r, l.options)
	if err != nil {
		return nil, err
	}
	return loaded.Load(ctx, artifact, config)
}
