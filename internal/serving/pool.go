package serving

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/spec"
)

// State is where a version in the pool stands.
type State string

// States.
const (
	Loading State = "loading"
	Ready   State = "ready"
	Failed  State = "failed" // tried again after a while
)

// Desired is a version that the pool shall hold.
type Desired struct {
	Key
	Config spec.Model
	// Batching, if not nil, is used instead of what follows from Config and PoolConfig.
	Batching *Batching
}

// Status is what is known of one version in the pool.
type Status struct {
	Key
	State  State
	Device string
	// Instances is how many batches of it run at once.
	Instances int
	// WarmUp is what it ran before it took calls, or, while it is loading, has run so far.
	WarmUp WarmUp
	// Error is why the last load failed. A Ready version may carry one: then a
	// reload failed, or nothing but zeros was tried yet (ErrUnproven).
	Error string
	Since time.Time
	// Process is how the version's process is, if it has one of its own. While that is
	// down, the State is Failed and Error says why; calls fail with ErrNotReady.
	Process *Process
}

// PoolConfig sets up a Pool.
type PoolConfig struct {
	Runtime Runtime
	// Fetch returns the verified bytes of an artifact. Required.
	Fetch func(ctx context.Context, digest string) ([]byte, error)
	// Limits bound each version. Running zero: as many batches at once as the
	// version has instances, see spec.Deployment.
	Limits Limits
	// Stock is how much there is of resources that models share, see spec.Deployment.
	Stock Stock
	// WarmUp bounds the time in which a new version runs every size of batch
	// before it takes calls. Zero: 30 s.
	WarmUp time.Duration
	// MaxDelay is how long a request may be held back for others to share its
	// batch. Zero: never; see Batching. A model's batch size is its configuration's.
	MaxDelay time.Duration
	// Observe hears of each batch that has run; it must return soon. May be nil.
	Observe func(Key, Batch)
	// Trace hears of each request that has run or left before its turn, with the
	// request's context; it must return soon. Nil costs nothing.
	Trace func(context.Context, Passage)
	// Retry is the pause before a failed load is tried again; it doubles up to
	// 30 times itself. Zero: 1 s.
	Retry time.Duration
	// Changed is called after any version changed its state; it must not block. May be nil.
	Changed func()
	Logger  *slog.Logger // nil: slog.Default
}

// Pool brings the loaded versions to what is desired. Loads run in the
// background, one at a time, so that they take little from those that serve.
type Pool struct {
	cfg     PoolConfig
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup
	loading chan struct{}
	cores   int
	limiter *limiter

	mu      sync.RWMutex
	entries map[Key]*entry
}

type entry struct {
	config string // as JSON, to see a change
	cancel context.CancelFunc
	inst   *Instance // the warm one, if any
	status Status
	// settled is closed when the first attempt of the last load is over; see Await.
	settled chan struct{}
	outcome error
}

// now is the status with what the version's process adds to it. The caller holds Pool.mu.
func (e *entry) now() Status {
	s := e.status
	if e.inst == nil {
		return s
	}
	if p, ok := e.inst.Process(); ok {
		s.Process = &p
		if p.Down != "" {
			s.State, s.Error, s.Since = Failed, p.Down, p.Since
		}
	}
	return s
}

// NewPool returns an empty pool. Close ends it.
func NewPool(cfg PoolConfig) (*Pool, error) {
	if cfg.Runtime == nil || cfg.Fetch == nil {
		return nil, errors.New("serving pool: Runtime and Fetch are required")
	}
	if cfg.Retry <= 0 {
		cfg.Retry = time.Second
	}
	if cfg.WarmUp <= 0 {
		cfg.WarmUp = 30 * time.Second
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Key, Batch) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	p := &Pool{cfg: cfg, loading: make(chan struct{}, 1), cores: Cores(), limiter: newLimiter(cfg.Stock), entries: map[Key]*entry{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// Ensure makes the pool hold exactly these versions; of those that are listed
// twice the last one counts. It returns at once: new
// ones load in the background, dropped ones take no more calls and close
// when the last call has left. A changed Config loads the version again beside
// the one that serves.
func (p *Pool) Ensure(desired []Desired) error {
	want := map[Key]Desired{}
	config := map[Key]string{}
	for _, d := range desired {
		b, err := json.Marshal([]any{d.Config, d.Batching})
		if err != nil {
			return fmt.Errorf("ensure %s: configuration: %w", d.Key, err)
		}
		want[d.Key], config[d.Key] = d, string(b)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return fmt.Errorf("ensure: the pool is closed: %w", ErrNotReady)
	}
	for key, e := range p.entries {
		if _, ok := want[key]; !ok {
			delete(p.entries, key)
			p.drop(key, e)
		}
	}
	for key, d := range want {
		e, ok := p.entries[key]
		if ok && e.config == config[key] {
			continue
		}
		if !ok {
			e = &entry{status: Status{Key: key, State: Loading, Since: time.Now()}}
			p.entries[key] = e
		} else {
			e.cancel()
			e.settle(fmt.Errorf("%s: %w: it was asked for in another way meanwhile", key, ErrNotReady))
		}
		ctx, cancel := context.WithCancel(p.ctx)
		e.config, e.cancel = config[key], cancel
		e.begin()
		p.work.Go(func() { p.load(ctx, d, e) })
	}
	return nil
}

// drop ends a version in the background. The caller holds p.mu.
func (p *Pool) drop(key Key, e *entry) {
	e.cancel()
	e.settle(fmt.Errorf("%s: %w: it is not wanted any more", key, ErrNotReady))
	if inst := e.inst; inst != nil {
		p.work.Go(func() { p.retire(key, inst) })
	}
}

func (p *Pool) retire(key Key, inst *Instance) {
	if err := inst.retire(); err != nil {
		p.cfg.Logger.Warn("a model version did not close cleanly", "model", key.Model, "version", key.Version, "error", err)
	}
}

// Lease is an instance that stays open until Release.
type Lease struct {
	*Instance
}

// Release gives the instance back; exactly once.
func (l Lease) Release() { l.release() }

// Acquire returns the warm instance of a version, or ErrNotReady with its state.
func (p *Pool) Acquire(key Key) (Lease, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, ok := p.entries[key]
	switch {
	case !ok:
		return Lease{}, fmt.Errorf("%s: %w: it is not among the versions held here", key, ErrNotReady)
	case e.inst == nil && e.status.State == Failed:
		return Lease{}, fmt.Errorf("%s: %w: loading it failed: %s", key, ErrNotReady, e.status.Error)
	case e.inst == nil || !e.inst.acquire():
		return Lease{}, fmt.Errorf("%s: %w: it is being loaded", key, ErrNotReady)
	}
	return Lease{e.inst}, nil
}

// Ready tells whether the version has a warm instance.
func (p *Pool) Ready(key Key) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, ok := p.entries[key]
	return ok && e.inst != nil
}

// Statuses lists all versions, by name and version.
func (p *Pool) Statuses() []Status {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := make([]Status, 0, len(p.entries))
	for _, e := range p.entries {
		out = append(out, e.now())
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Digest, b.Digest))
	})
	return out
}

// Resources are those that versions held here take while they run.
func (p *Pool) Resources() []Level { return p.limiter.levels() }

// Close drops all versions and waits until the calls inside have ended, or ctx has.
func (p *Pool) Close(ctx context.Context) error {
	p.cancel()
	p.mu.Lock()
	for key, e := range p.entries {
		delete(p.entries, key)
		p.drop(key, e)
	}
	p.mu.Unlock()
	done := make(chan struct{})
	go func() { p.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the serving pool: calls are still running: %w", ctx.Err())
	}
}
