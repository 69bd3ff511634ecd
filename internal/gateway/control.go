package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
)

// control is what operators have asked this gateway to hold beside what the
// routes want, or to hold in another way. It lasts until it is taken back or the gateway ends.
type control struct {
	turn chan struct{} // one change at a time

	mu     sync.RWMutex
	models map[string]controlled
}

// controlled is a model that an operator has loaded or unloaded.
type controlled struct {
	// versions are held; the first answers requests that name none, if there is no route.
	versions []heldVersion
	// reason says why none is.
	reason string
}

type heldVersion struct {
	key      serving.Key
	config   ModelConfig
	batching *serving.Batching
}

func newControl() *control {
	return &control{turn: make(chan struct{}, 1), models: map[string]controlled{}}
}

// begin waits for other changes to end; the caller calls the function when its own has.
func (c *control) begin(ctx context.Context) (func(), error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("another model is being loaded: %w", ctx.Err())
	}
}

// model is what was asked for of a model.
func (c *control) model(name string) (controlled, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m, ok := c.models[name]
	return m, ok
}

// set replaces what was asked for; nothing at all forgets the model.
func (c *control) set(name string, m controlled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.reason == "" && len(m.versions) == 0 {
		delete(c.models, name)
		return
	}
	c.models[name] = m
}

// all are the models, by name.
func (c *control) all() map[string]controlled {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return maps.Clone(c.models)
}

// held are the versions to hold.
func (c *control) held() []heldVersion {
	var out []heldVersion
	for _, m := range c.all() {
		out = append(out, m.versions...)
	}
	return out
}

// key is the version that an operator has loaded: the named one, or the first.
func (c *control) key(model, version string) (serving.Key, bool) {
	m, _ := c.model(model)
	for _, v := range m.versions {
		if version == "" || v.key.Version == version {
			return v.key, true
		}
	}
	return serving.Key{}, false
}

// registered finds the versions that a request to load means: those of its
// policy; else the one in production; else the newest.
func (g *Gateway) registered(ctx context.Context, model string, o override) ([]heldVersion, error) {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.CatalogTimeout)
	defer cancel()
	route := g.table.Routes()[model]
	var names []string
	latest := 1
	switch p := o.Policy; {
	case p != nil && p.Specific != nil:
		names = p.Specific.Versions
	case p != nil && p.Latest != nil:
		latest = int(p.Latest.Versions)
	case route.Stable != "":
		names = []string{route.Stable}
	}
	var found []catalog.Model
	for _, name := range names {
		m, err := g.cfg.Catalog.Model(ctx, model, name)
		if err != nil {
			return nil, fmt.Errorf("version %q: %w", clip(name), err)
		}
		if why := unloadable(m); why != "" {
			return nil, fmt.Errorf("version %s: %s: %w", m.Version, why, errUnloadable)
		}
		found = append(found, m)
	}
	if names == nil {
		all, err := g.cfg.Catalog.Models(ctx, catalog.ModelFilter{Name: model})
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(m catalog.Model) bool { return unloadable(m) != "" })
		if found = all[:min(latest, len(all))]; len(found) == 0 {
			return nil, fmt.Errorf("%w: %q is not in the registry, or no version of it can be served", errUnknownModel, clip(model))
		}
	}
	out := make([]heldVersion, len(found))
	for i, m := range found {
		v := heldVersion{key: serving.Key{Model: m.Name, Version: m.Version, Digest: m.Digest}}
		if len(m.Config) > 0 {
			if err := json.Unmarshal(m.Config, &v.config); err != nil {
				return nil, fmt.Errorf("read the configuration of %s: %w", v.key, err)
			}
		}
		v.config.Name, v.config.Version = m.Name, m.Version
		v.config.Deployment.BatchSize = cmp.Or(v.config.Deployment.BatchSize, defaultBatchSize)
		v.config.Model, v.batching = o.apply(v.config.Model)
		out[i] = v
	}
	return out, nil
}

// defaultBatchSize is that of a version which no release has configured.
const defaultBatchSize = 32

// errUnloadable: the version is on record but nothing to serve.
var errUnloadable = errors.New("it can't be loaded")

// unloadable says why a registered version can't be served; empty: it can.
func unloadable(m catalog.Model) string {
	switch {
	case m.Stage == catalog.StageRejected:
		return "it was rejected"
	case m.Digest == "":
		return "its content is not in the blob store"
	}
	return ""
}
