package batch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/serving"
)

// DefaultIdle is how long a loaded model waits for the next shard where a PoolConfig does not say.
const DefaultIdle = 30 * time.Second

// PoolConfig is what a Pool needs.
type PoolConfig struct {
	// Load loads a model that may take so many threads for a computation.
	Load func(ctx context.Context, artifact []byte, m Model, threads int) (Inferer, error)
	// Idle is how long a model that nobody uses is kept; 0 means DefaultIdle.
	Idle time.Duration
	// Most is how many models may be loaded at once before one that nobody uses gives
	// way to another that is wanted; 0 means 1. It refuses none that is wanted.
	Most int
}

// Pool lends loaded models, each to one shard at a time, so that the next one need
// not load it again. What a shard can do to another is no more than what requests
// can that a gateway puts to the same process one after the other: one whose shard
// failed is not lent again.
type Pool struct {
	cfg PoolConfig

	mu     sync.Mutex
	idle   []*kept // the one that has waited longest first
	lent   int
	closed bool
}

// kept is a model that nobody uses.
type kept struct {
	use
	model Inferer
	timer *time.Timer // ends its waiting
}

// use is what a model is loaded for.
type use struct {
	model   Model
	threads int
}

// NewPool makes an empty pool. Close ends it.
func NewPool(cfg PoolConfig) *Pool {
	if cfg.Idle == 0 {
		cfg.Idle = DefaultIdle
	}
	cfg.Most = max(cfg.Most, 1)
	return &Pool{cfg: cfg}
}

// Loan is a model that one borrower has to itself, until Return.
type Loan struct {
	Inferer
	use
	pool *Pool
}

// Borrow returns a loaded model: one that is kept, or else a new one, of the file that
// read returns.
func (p *Pool) Borrow(ctx context.Context, m Model, threads int, read func() ([]byte, error)) (_ *Loan, err error) {
	l := &Loan{use: use{m, threads}, pool: p}
	var over []*kept
	l.Inferer, over = p.take(l.use)
	defer func() {
		if err != nil {
			p.mu.Lock()
			p.lent--
			p.mu.Unlock()
			err = errors.Join(err, closed(l.Inferer))
		}
	}()
	if err := closeAll(over); err != nil { // what gives way ends before another begins
		return nil, err
	}
	if l.Inferer == nil {
		artifact, err := read()
		if err != nil {
			return nil, err
		}
		if l.Inferer, err = p.cfg.Load(ctx, artifact, m, threads); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// take counts a loan and finds a model for it. Over are those that are to be closed: that do
// not run any more, or that give way.
func (p *Pool) take(u use) (found Inferer, over []*kept) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent++
	for i := len(p.idle) - 1; i >= 0 && found == nil; i-- {
		k := p.idle[i]
		if k.use != u {
			continue
		}
		k.timer.Stop()
		p.idle = slices.Delete(p.idle, i, i+1)
		if down(k.model) {
			over = append(over, k)
			continue
		}
		found = k.model
	}
	for found == nil && len(p.idle) > 0 && p.lent+len(p.idle) > p.cfg.Most {
		p.idle[0].timer.Stop()
		over = append(over, p.idle[0])
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	return found, over
}

// down tells that the process of a model does not run.
func down(m Inferer) bool {
	s, ok := m.(serving.Supervised)
	if !ok {
		return false
	}
	process, ok := s.Process()
	return ok && process.Down != ""
}

// Return ends the loan. A model that is well waits for the next borrower; any other is closed.
func (l *Loan) Return(well bool) error {
	p := l.pool
	p.mu.Lock()
	p.lent--
	if !well || p.closed {
		p.mu.Unlock()
		return l.Inferer.Close()
	}
	defer p.mu.Unlock()
	k := &kept{use: l.use, model: l.Inferer}
	k.timer = time.AfterFunc(p.cfg.Idle, func() { _ = closeAll(p.drop(func(other *kept) bool { return other == k })) }) // nobody is there to be told
	p.idle = append(p.idle, k)
	return nil
}

// Release closes the models of a version that nobody uses.
func (p *Pool) Release(m Model) error {
	return closeAll(p.drop(func(k *kept) bool { return k.use.model == m }))
}

// Close closes the models that nobody uses, and has the others closed when they are returned.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return closeAll(p.drop(func(*kept) bool { return true }))
}

// drop takes models out of the pool.
func (p *Pool) drop(these func(*kept) bool) (out []*kept) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(k *kept) bool {
		if !these(k) {
			return false
		}
		k.timer.Stop()
		out = append(out, k)
		return true
	})
	return out
}

func closeAll(all []*kept) error {
	errs := make([]error, len(all))
	for i, k := range all {
		errs[i] = k.model.Close()
	}
	return errors.Join(errs...)
}
