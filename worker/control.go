package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/slipway-ml/slipway/internal/control"
	"github.com/slipway-ml/slipway/internal/mlflow"
)

// control serves the control API until ctx ends.
func (p *platform) control(ctx context.Context, l net.Listener, up func()) error {
	tracking, err := mlflow.New(mlflow.Config{Catalog: p.catalog, Repository: p.tracked, Webhooks: p.courier, Log: p.log})
	if err != nil {
		return err
	}
	api, err := control.New(control.Config{
		Catalog: p.catalog, Store: p.store, Data: p.data, Token: p.token,
		TemporalAddress: p.cfg.TemporalAddress, Namespace: p.cfg.Namespace, UI: p.cfg.UI, Version: version, MLflow: tracking, Log: p.log,
	})
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           api.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	up()
	return serveUntil(ctx, server, l)
}

// serveUntil serves until ctx ends, then lets running requests finish for a while.
func serveUntil(ctx context.Context, server *http.Server, l net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return err
}
