package gateway

import (
	"context"
	"errors"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// maxIndex bounds the versions of the registry that the index lists.
const maxIndex = 1000

// Why nothing of a model is held.
const (
	reasonUnloaded  = "unloaded"
	reasonNotLoaded = "in the registry, not loaded"
)

// Operator implements oip.Backend.
func (b inference) Operator(token string) bool {
	if !b.g.cfg.ModelControl || b.g.cfg.OperatorToken == "" {
		return b.g.knows(token)
	}
	return same(token, b.g.cfg.OperatorToken)
}

// Index implements oip.Backend: what is held, what an operator has unloaded,
// and, under model control, what of the registry could be loaded.
func (b inference) Index(ctx context.Context) []oip.Entry {
	states := map[serving.State]string{serving.Ready: oip.StateReady, serving.Loading: oip.StateLoading, serving.Failed: oip.StateUnavailable}
	out := []oip.Entry{}
	held := map[[2]string]bool{}
	for _, s := range b.g.prober.statuses() {
		held[[2]string{s.Model, s.Version}] = true
		out = append(out, oip.Entry{Name: s.Model, Version: s.Version, State: states[s.State], Reason: clipTo(s.Error, 500)})
	}
	if !b.g.cfg.ModelControl {
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, b.g.cfg.CatalogTimeout)
	defer cancel()
	models, err := b.g.cfg.Catalog.Models(ctx, catalog.ModelFilter{Limit: maxIndex})
	if err != nil {
		b.g.cfg.Logger.Warn("the index lists what is held only: the registry can't be asked", "error", err)
	}
	for _, m := range models {
		if held[[2]string{m.Name, m.Version}] {
			continue
		}
		reason := unloadable(m)
		if c, ok := b.g.control.model(m.Name); reason == "" && ok {
			reason = c.reason
		}
		if reason == "" {
			reason = reasonNotLoaded
		}
		out = append(out, oip.Entry{Name: m.Name, Version: m.Version, State: oip.StateUnavailable, Reason: clipTo(reason, 500)})
	}
	return out
}

// Load implements oip.Backend. Without model control what is served is decided
// by releases: a model that has a route is there already.
func (b inference) Load(ctx context.Context, r oip.LoadRequest) error {
	switch {
	case len(r.Files) > 0:
		return oip.Errorf(oip.Invalid, "Invalid file path '%s': files are not taken; put the model into the registry, then load it", clip(r.Files[0]))
	case b.g.cfg.ModelControl:
		return b.load(ctx, r)
	case r.Config != "":
		return oip.Errorf(oip.Unsupported, "a configuration can be replaced under model control only, which this gateway does not have")
	}
	if _, err := b.Metadata(r.Model, ""); err != nil {
		return oip.Errorf(oip.Invalid, "%w; start a release to have a model served", err)
	}
	return nil
}

// load makes the gateway hold versions of the registry and waits until they are
// ready. If one can't be loaded, all stays as it was.
func (b inference) load(ctx context.Context, r oip.LoadRequest) error {
	g := b.g
	o, err := parseOverride(r.Model, r.Config)
	if err != nil {
		return &oip.Error{Code: oip.Invalid, Err: err}
	}
	if err := o.placed(g.cfg.Stock); err != nil {
		return &oip.Error{Code: oip.Invalid, Err: err}
	}
	end, err := g.control.begin(ctx)
	if err != nil {
		return &oip.Error{Code: oip.Unavailable, Err: err}
	}
	defer end()
	want, err := g.registered(ctx, r.Model, o)
	switch {
	case errors.Is(err, errUnknownModel), errors.Is(err, errUnloadable), errors.Is(err, catalog.ErrNotFound):
		return &oip.Error{Code: oip.Invalid, Err: err}
	case err != nil:
		return oip.Errorf(oip.Unavailable, "the registry can't be asked: %w", err)
	}
	before, _ := g.control.model(r.Model)
	g.control.set(r.Model, controlled{versions: want})
	if err := g.sync.refresh(ctx); err != nil {
		return oip.Errorf(oip.Unavailable, "%w", err)
	}
	for _, v := range want {
		err := g.pool.Await(ctx, v.key)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil: // it goes on without the caller
			return oip.Errorf(oip.Unavailable, "%w", err)
		}
		if before.versions == nil {
			before.reason = err.Error()
		}
		g.control.set(r.Model, before)
		return errors.Join(err, g.sync.refresh(ctx))
	}
	return nil
}

// Unload implements oip.Backend. What a route names is never unloaded: only a
// release, a promotion or a way back moves that.
func (b inference) Unload(ctx context.Context, model string) error {
	g := b.g
	_, routed := g.table.Routes()[model]
	c, known := g.control.model(model)
	switch {
	case routed && len(c.versions) == 0:
		return oip.Errorf(oip.Unsupported, "failed to unload '%s': a route names it: what is in production is decided by releases, not by clients", clip(model))
	case !known && !g.cfg.ModelControl:
		return b.unknown(model, errUnknownModel)
	case !known:
		return oip.Errorf(oip.NotFound, "failed to unload '%s': Request for unknown model: it is not loaded", clip(model))
	}
	end, err := g.control.begin(ctx)
	if err != nil {
		return &oip.Error{Code: oip.Unavailable, Err: err}
	}
	defer end()
	after := controlled{reason: reasonUnloaded}
	if routed {
		after = controlled{}
	}
	g.control.set(model, after)
	if err := g.sync.refresh(ctx); err != nil {
		return oip.Errorf(oip.Unavailable, "%w", err)
	}
	return nil
}
