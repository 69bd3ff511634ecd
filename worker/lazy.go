package main

import (
	"context"
	"io"
	"sync"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// lazy opens something when it is first needed and can be had. The gateway
// must start, on what it kept from its last run, while the rest is down.
type lazy[T any] struct {
	open func(context.Context) (T, error)

	mu     sync.Mutex
	opened bool
	value  T
}

func (l *lazy[T]) get(ctx context.Context) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.opened {
		v, err := l.open(ctx)
		if err != nil {
			return v, err
		}
		l.value, l.opened = v, true
	}
	return l.value, nil
}

// close closes what was opened.
func (l *lazy[T]) close(how func(T) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.opened {
		return nil
	}
	l.opened = false
	return how(l.value)
}

// lazyCatalog is the catalog as the gateway sees it.
type lazyCatalog struct{ *lazy[*catalog.Catalog] }

func (l lazyCatalog) Routes(ctx context.Context) ([]catalog.Route, error) {
	c, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return c.Routes(ctx)
}

func (l lazyCatalog) Model(ctx context.Context, name, version string) (catalog.Model, error) {
	c, err := l.get(ctx)
	if err != nil {
		return catalog.Model{}, err
	}
	return c.Model(ctx, name, version)
}

func (l lazyCatalog) Models(ctx context.Context, f catalog.ModelFilter) ([]catalog.Model, error) {
	c, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return c.Models(ctx, f)
}

func (l lazyCatalog) Beat(ctx context.Context, g catalog.Gateway, instances []catalog.Instance) error {
	c, err := l.get(ctx)
	if err != nil {
		return err
	}
	return c.Beat(ctx, g, instances)
}

func (l lazyCatalog) Leave(ctx context.Context, gatewayID string) error {
	c, err := l.get(ctx)
	if err != nil {
		return err
	}
	return c.Leave(ctx, gatewayID)
}

func (l lazyCatalog) AddTraffic(ctx context.Context, traffic []catalog.Traffic) error {
	c, err := l.get(ctx)
	if err != nil {
		return err
	}
	return c.AddTraffic(ctx, traffic)
}

func (l lazyCatalog) AddSegment(ctx context.Context, s catalog.Segment) error {
	c, err := l.get(ctx)
	if err != nil {
		return err
	}
	return c.AddSegment(ctx, s)
}

// lazyStore is the blob store as the gateway sees it.
type lazyStore struct{ *lazy[*store] }

func (l lazyStore) Fetch(ctx context.Context, d artifacts.Digest, path string) error {
	s, err := l.get(ctx)
	if err != nil {
		return err
	}
	return s.Fetch(ctx, d, path)
}

func (l lazyStore) Put(ctx context.Context, r io.Reader, mediaType string) (artifacts.Ref, error) {
	s, err := l.get(ctx)
	if err != nil {
		return artifacts.Ref{}, err
	}
	return s.Put(ctx, r, mediaType)
}
