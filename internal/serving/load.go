package serving

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// load brings one version to Ready, trying until it succeeds or is no longer wanted.
func (p *Pool) load(ctx context.Context, d Desired, e *entry) {
	pause := p.cfg.Retry
	for {
		inst, note, err := p.try(ctx, d, e)
		if ctx.Err() != nil {
			if inst != nil {
				p.retire(d.Key, inst)
			}
			return
		}
		if err == nil {
			if p.install(ctx, d, e, inst, note) {
				return
			}
			p.retire(d.Key, inst)
			return
		}
		p.cfg.Logger.Warn("a model version can't be loaded, trying again", "model", d.Model, "version", d.Version, "pause", pause, "error", err)
		p.fail(ctx, e, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 30*p.cfg.Retry)
	}
}

// try makes one attempt. note is what is worth knowing of an instance that is ready all the same.
func (p *Pool) try(ctx context.Context, d Desired, e *entry) (inst *Instance, note string, err error) {
	select {
	case p.loading <- struct{}{}:
		defer func() { <-p.loading }()
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	if err := p.cfg.Stock.enough(d.Config.Deployment.Resources, ""); err != nil { // on any device: opening the model would be in vain
		return nil, "", fmt.Errorf("load %s: %w", d.Key, err)
	}
	artifact, err := p.cfg.Fetch(ctx, d.Digest)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s of %s: %w", d.Digest, d.Key, err)
	}
	model, err := p.open(ctx, artifact, d)
	if err != nil {
		return nil, "", fmt.Errorf("load %s: %w", d.Key, err)
	}
	limits := p.cfg.Limits
	limits.Latency = time.Duration(d.Config.Deployment.MaxLatencyMS * float64(time.Millisecond))
	limits.Cache = int64(d.Config.Deployment.ResponseCacheMB) * 1e6
	if limits.Running == 0 {
		limits.Running = spreadOver(d.Config.Deployment, len(artifact), model.Device(), p.cores).Instances
		if n, ok := model.(Narrowable); ok {
			limits.Narrow = n.Narrow()
		}
	}
	gate, err := p.limiter.join(d.Config.Deployment, model.Device())
	if err != nil {
		return nil, "", fmt.Errorf("load %s: %w", d.Key, errors.Join(err, model.Close()))
	}
	inst = NewInstance(model, limits, p.batching(d), func(b Batch) { p.cfg.Observe(d.Key, b) })
	inst.batcher.trace, inst.batcher.gate = p.cfg.Trace, gate
	inst.batcher.traced = p.cfg.Trace != nil && inst.Steps() != nil
	inst.warm, err = inst.warmUp(ctx, p.cfg.WarmUp, p.answered(d.Model), func(w WarmUp) { p.warming(ctx, e, w) })
	switch {
	case errors.Is(err, ErrUnproven):
		return inst, err.Error(), nil
	case err != nil:
		p.retire(d.Key, inst)
		return nil, "", fmt.Errorf("warm up %s: %w", d.Key, err)
	}
	return inst, "", nil
}

// answered are rows that versions of a model have answered, one of each.
func (p *Pool) answered(model string) []Input {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var out []Input
	for key, e := range p.entries {
		if key.Model == model && e.inst != nil {
			if row := e.inst.good.Load(); row != nil {
				out = append(out, *row)
			}
		}
	}
	return out
}

// warming notes how far the warm-up of a version is that does not serve yet.
func (p *Pool) warming(ctx context.Context, e *entry, w WarmUp) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil && e.inst == nil {
		e.status.WarmUp = w
	}
}

// batching follows the model's configuration, unless it was asked for otherwise.
func (p *Pool) batching(d Desired) Batching {
	if d.Batching != nil {
		return *d.Batching
	}
	return Batching{MaxRows: d.Config.Deployment.BatchSize, MaxDelay: p.cfg.MaxDelay}
}

func (p *Pool) open(ctx context.Context, artifact []byte, d Desired) (m Model, err error) {
	defer recovered(&err)
	return p.cfg.Runtime.Load(ctx, artifact, d.Config)
}

// install makes inst the one that serves and lets its predecessor go; false
// when the version is no longer wanted.
func (p *Pool) install(ctx context.Context, d Desired, e *entry, inst *Instance, note string) bool {
	p.mu.Lock()
	if ctx.Err() != nil {
		p.mu.Unlock()
		return false
	}
	old := e.inst
	e.inst = inst
	e.status = Status{Key: d.Key, State: Ready, Device: inst.Device(), Instances: inst.Instances(), WarmUp: inst.warm, Error: note, Since: time.Now()}
	e.settle(nil)
	p.mu.Unlock()
	p.cfg.Changed()
	if old != nil {
		p.retire(d.Key, old)
	}
	return true
}

// fail notes a failed load. With an instance that serves, the version stays Ready.
func (p *Pool) fail(ctx context.Context, e *entry, err error) {
	p.mu.Lock()
	if ctx.Err() == nil {
		if e.inst == nil && e.status.State != Failed {
			e.status.State, e.status.Since = Failed, time.Now()
		}
		e.status.Error = err.Error()
		e.settle(err)
	}
	p.mu.Unlock()
	p.cfg.Changed()
}
