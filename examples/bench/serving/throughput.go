package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// crowd is how many clients load the tiny model, and wide how many the larger ones.
const (
	crowd = 32
	wide  = 64
)

// ways are how a server is asked.
func ways(s *server) map[string]*endpoint {
	return map[string]*endpoint{"REST": s.rest, "gRPC": s.grpc}
}

// wayNames are the keys of ways, in the order of the table.
func wayNames() []string { return []string{"REST", "gRPC"} }

// figures of a server, by way.
type figures map[string]figure

// loads measures every way of a server with so many clients. One that fails says why in its figure.
func (b *bench) loads(ctx context.Context, s *server, want answer, clients int) (figures, error) {
	out := figures{}
	for _, way := range wayNames() {
		e := ways(s)[way]
		if e == nil {
			continue
		}
		f, err := b.closed(ctx, s, e, want, clients)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			f.absent = "failed: " + err.Error()
		}
		progress("%s, %s, %d clients: %s", s.name, way, clients, f)
		out[way] = f
	}
	return out, nil
}

// mustLoad is loads of a server that must not fail.
func (b *bench) mustLoad(ctx context.Context, s *server, want answer, clients int) (figures, error) {
	out, err := b.loads(ctx, s, want, clients)
	for way, f := range out {
		if !f.has() {
			err = errors.Join(err, fmt.Errorf("%s, %s: %s", s.name, way, f.absent))
		}
	}
	return out, err
}

// loadOurs is loads of the gateway.
func (b *bench) loadOurs(ctx context.Context, m model, want answer, clients int) (figures, error) {
	s, err := b.slipway(ctx, m)
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	return b.mustLoad(ctx, s, want, clients)
}

// loadPeers is loads of each peer that is there.
func (b *bench) loadPeers(ctx context.Context, m model, want answer, clients int) (map[string]figures, error) {
	out := map[string]figures{}
	for _, p := range others() {
		s, err := b.startPeer(ctx, p, m)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			progress("%s: %v", p.name, err)
			out[p.name] = figures{"REST": {absent: err.Error()}}
			continue
		}
		out[p.name], err = b.loads(ctx, s, want, clients)
		s.Stop()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compare makes the lines of ours against the peers; times are the targets by peer and way.
func (b *bench) compare(what string, ours figures, peers map[string]figures, times map[string]float64) {
	for _, way := range wayNames() {
		for _, p := range others() {
			if theirs, ok := peers[p.name][way]; ok {
				b.lines = append(b.lines, many(what+", "+way, ours[way], p.name, theirs, times[p.name+" "+way]))
			}
		}
	}
}

// tiny compares requests a second on the tiny model.
func (b *bench) tiny(ctx context.Context, models []model, f floors) error {
	m, ok := oneOf(models, tiny)
	if !ok {
		return nil
	}
	ours, err := b.loadOurs(ctx, m, f[m.name].want, crowd)
	if err != nil {
		return err
	}
	peers, err := b.loadPeers(ctx, m, f[m.name].want, crowd)
	if err != nil {
		return err
	}
	b.compare(fmt.Sprintf("%s, %d clients", m.name, crowd), ours, peers, map[string]float64{"MLServer REST": 5, "Flask REST": 5, "MLServer gRPC": 3})
	return nil
}

// latency compares one client's median with that of a bare Run, of a model in a process of its own and in the gateway's.
func (b *bench) latency(ctx context.Context, models []model, f floors) error {
	m, ok := oneOf(models, tiny)
	if !ok {
		return nil
	}
	protocol, err := b.loadEcho(ctx, m, f[m.name].want, 1)
	if err != nil {
		return err
	}
	most := map[string]time.Duration{"gRPC": 150 * time.Microsecond, "REST": 250 * time.Microsecond}
	for _, isolation := range []string{"process", "none"} {
		b.isolation = isolation
		ours, err := b.loadOurs(ctx, m, f[m.name].want, 1)
		if err != nil {
			return err
		}
		for _, way := range wayNames() {
			what := fmt.Sprintf("%s, 1 client, %s, --isolation %s", m.name, way, isolation)
			b.lines = append(b.lines, added(what, ours[way], protocol[way], f[m.name].one, most[way]))
		}
	}
	b.isolation = ""
	return nil
}

// larger compares rows a second of the other models with the floor's and with the peers'.
func (b *bench) larger(ctx context.Context, models []model, f floors) error {
	for _, m := range models {
		if m.kind == tiny {
			continue
		}
		bound := f[m.name]
		ours, err := b.loadOurs(ctx, m, bound.want, wide)
		if err != nil {
			return err
		}
		protocol, err := b.loadEcho(ctx, m, bound.want, wide)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s, %d clients", m.name, wide)
		for _, way := range wayNames() {
			b.lines = append(b.lines, share(what+", "+way, ours[way], bound, 0.85))
		}
		for _, way := range wayNames() {
			b.lines = append(b.lines, within(what+", "+way, "p99 "+duration(ours[way].p99()), ours[way].p99(), fmt.Sprintf("a batch of %d alone", m.batch), bound.times[m.batch], 2))
		}
		for _, way := range wayNames() {
			if m.kind == small { // beside a larger one the handler's rate says nothing
				b.lines = append(b.lines, many(what+", "+way, ours[way], "an empty handler", protocol[way], 0))
			}
			if b.device == "cpu" { // elsewhere the floor costs no cores
				b.lines = append(b.lines, combined(what+", "+way, ours[way], protocol[way], bound, runtime.NumCPU()))
			}
		}
		peers, err := b.loadPeers(ctx, m, bound.want, wide)
		if err != nil {
			return err
		}
		b.compare(what, ours, peers, nil)
	}
	return nil
}
