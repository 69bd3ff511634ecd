package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Sync brings the table and the pool to what the catalog desires, and keeps
// what a start without the catalog needs. Its methods belong to one goroutine,
// but for contact, configs and refresh.
type Sync struct {
	catalog Catalog
	table   *Table
	pool    *serving.Pool
	cache   cache
	path    string // last-good.json
	timeout time.Duration
	logger  *slog.Logger
	extra   func() []heldVersion // beside what the routes want
	asked   chan chan struct{}   // to bring the pool to what is desired now

	configs atomic.Pointer[map[serving.Key]ModelConfig] // of the versions that are held; a map is not changed
	raw     map[serving.Key]json.RawMessage
	kept    bool         // what is on disk is what is held
	trouble string       // what was logged last
	contact atomic.Int64 // unix nanoseconds of the catalog's last answer; 0 never
}

func newSync(cfg Config, table *Table, pool *serving.Pool, files cache, extra func() []heldVersion) *Sync {
	s := &Sync{
		catalog: cfg.Catalog, table: table, pool: pool, cache: files,
		path: filepath.Join(filepath.Dir(files.dir), "last-good.json"), timeout: cfg.CatalogTimeout, logger: cfg.Logger,
		extra: extra, asked: make(chan chan struct{}), raw: map[serving.Key]json.RawMessage{}, kept: true,
	}
	s.configs.Store(&map[serving.Key]ModelConfig{})
	return s
}

// restore takes up what was kept on disk. A file that can't be read is worth a
// warning, not a refusal to start.
func (s *Sync) restore() {
	kept, err := readLastGood(s.path)
	if err != nil {
		s.logger.Warn("starting without the routes kept on disk", "error", err)
		return
	}
	for _, m := range kept.Models {
		s.raw[m.key()] = m.Config
	}
	for _, routes := range [][]catalog.Route{kept.InForce, kept.Newest} {
		s.table.Offer(slices.DeleteFunc(routes, func(r catalog.Route) bool { return !s.known(r) }))
		s.settle()
	}
	s.kept = true
	s.say(s.apply())
}

// run asks the catalog every so often until ctx ends. changed tells that an
// instance got ready or failed.
func (s *Sync) run(ctx context.Context, every time.Duration, changed <-chan struct{}) {
	for {
		s.once(ctx)
		wait := every + time.Duration((rand.Float64()-0.5)*0.4*float64(every)) //nolint:gosec // jitter
		timer := time.NewTimer(wait)
	waiting:
		for {
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-changed:
				s.settle()
			case done := <-s.asked:
				s.say(s.apply())
				close(done)
			case <-timer.C:
				break waiting
			}
		}
	}
}

// once asks the catalog and takes up the answer.
func (s *Sync) once(ctx context.Context) {
	err := s.pull(ctx)
	if ctx.Err() != nil {
		return
	}
	s.say(errors.Join(err, s.apply()))
}

// refresh makes the pool hold what is desired now, and returns when it has begun to.
func (s *Sync) refresh(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case s.asked <- done:
		<-done
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the catalog's answer: %w", ctx.Err())
	}
}

// settle puts in force what is ready.
func (s *Sync) settle() {
	if s.table.Settle(s.pool.Ready) {
		s.kept = false
	}
}

// pull offers the table every route whose versions' configurations are known.
// One model's trouble does not hold up the others.
func (s *Sync) pull(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	routes, err := s.catalog.Routes(ctx)
	if err != nil {
		return fmt.Errorf("ask the catalog for routes: %w", err)
	}
	s.contact.Store(time.Now().UnixNano())
	var usable []catalog.Route
	var errs []error
	for _, r := range routes {
		if err := s.learn(ctx, r); err != nil {
			errs = append(errs, err)
			continue
		}
		usable = append(usable, r)
	}
	if s.table.Offer(usable) {
		s.kept = false
	}
	return errors.Join(errs...)
}

// learn asks for the configurations that a route needs. They never change for
// a digest, so each is asked for once.
func (s *Sync) learn(ctx context.Context, r catalog.Route) error {
	for _, key := range keys(r) {
		if _, ok := s.raw[key]; ok {
			continue
		}
		m, err := s.catalog.Model(ctx, key.Model, key.Version)
		if err != nil {
			return fmt.Errorf("ask the catalog for model %s: %w", key, err)
		}
		if m.Digest != key.Digest {
			return fmt.Errorf("the route of %s names %s as %s, the registry has %s: the route is not taken up", key.Model, key, key.Digest, m.Digest)
		}
		if err := json.Unmarshal(m.Config, &ModelConfig{}); err != nil {
			return fmt.Errorf("read the configuration of %s: %w", key, err)
		}
		s.raw[key] = m.Config
	}
	return nil
}

func (s *Sync) known(r catalog.Route) bool {
	for _, key := range keys(r) {
		if _, ok := s.raw[key]; !ok {
			return false
		}
	}
	return true
}

// apply makes the pool hold what the newest routes and those in force name,
// settles the table, and keeps the newest on disk.
func (s *Sync) apply() error {
	newest := s.table.Newest()
	wanted := map[serving.Key]bool{}
	for _, r := range newest {
		for _, key := range keys(r) {
			wanted[key] = true
		}
	}
	for _, r := range s.table.Routes() {
		if r.Stable != "" { // it may have to serve until its successor is ready
			wanted[stableKey(r)] = wanted[stableKey(r)] || !s.pool.Ready(successor(newest, r))
		}
	}
	desired := make([]serving.Desired, 0, len(wanted))
	configs := make(map[serving.Key]ModelConfig, len(wanted))
	for key, want := range wanted {
		if !want {
			continue
		}
		var c ModelConfig
		if err := json.Unmarshal(s.raw[key], &c); err != nil {
			return fmt.Errorf("read the configuration of %s: %w", key, err)
		}
		configs[key] = c
		desired = append(desired, serving.Desired{Key: key, Config: c.Model})
	}
	for _, v := range s.extra() {
		configs[v.key] = v.config
		desired = append(desired, serving.Desired{Key: v.key, Config: v.config.Model, Batching: v.batching}) // the last one counts
	}
	s.configs.Store(&configs)
	s.settle()
	if err := s.pool.Ensure(desired); err != nil {
		return err
	}
	if s.kept {
		return nil
	}
	return s.keep(newest, configs)
}

// successor is the production version that takes over from the route in force.
func successor(newest []catalog.Route, held catalog.Route) serving.Key {
	for _, r := range newest {
		if r.Model == held.Model {
			return stableKey(r)
		}
	}
	return serving.Key{}
}

func (s *Sync) keep(newest []catalog.Route, configs map[serving.Key]ModelConfig) error {
	kept := lastGood{Newest: newest}
	for _, r := range s.table.Routes() {
		kept.InForce = append(kept.InForce, r)
	}
	for key := range s.raw {
		if _, ok := configs[key]; !ok {
			delete(s.raw, key)
			continue
		}
		kept.Models = append(kept.Models, lastGoodModel{Model: key.Model, Version: key.Version, Digest: key.Digest, Config: s.raw[key]})
	}
	digests := make([]string, 0, len(configs))
	for key := range configs {
		digests = append(digests, key.Digest)
	}
	if err := kept.write(s.path); err != nil {
		return err
	}
	s.kept = true
	if err := s.cache.prune(digests); err != nil {
		s.logger.Warn("old models stay on disk", "error", err)
	}
	return nil
}

// say logs when trouble begins, changes or ends.
func (s *Sync) say(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text == s.trouble:
	case err != nil:
		s.logger.Warn("the catalog can't be followed in everything; serving goes on as it is", "error", err)
	default:
		s.logger.Info("the catalog is followed again")
	}
	s.trouble = text
}
