package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// crowd is how many clients load the tiny model, and wide how many the larger ones.
const (
	crowd = 32
	wide  = 64
)

// ways are how a server is asked; nil is one that it does not have.
func ways(s *server) map[string]*endpoint {
	return map[string]*endpoint{"REST": s.rest, "gRPC": s.grpc}
}

// wayNames are the keys of ways, in the order of the table.
func wayNames() []string { return []string{"REST", "gRPC"} }

// tiny compares requests a second on the tiny model.
func (b *bench) tiny(ctx context.Context, models []model, f floors) error {
	m, ok := oneOf(models, tiny)
	if !ok {
		return nil
	}
	ours, err := b.slipway(ctx, m)
	if err != nil {
		return err
	}
	defer ours.Stop()
	if !slices.ContainsFunc(others(), b.installed) {
		for _, way := range wayNames() {
			alone, err := b.turns(ctx, b.asked(ours, way, f[m.name].want, crowd))
			if err != nil {
				return err
			}
			b.lines = append(b.lines, line{what: fmt.Sprintf("%s, %d clients, %s", m.name, crowd, way), ours: alone[0].String()})
		}
	}
	return b.beside(ctx, ours, m, f[m.name].want, crowd, map[string]float64{"MLServer REST": 5, "Flask REST": 5, "MLServer gRPC": 3})
}

// beside compares the gateway with each peer that is there, in turns; times are the targets by peer and way.
func (b *bench) beside(ctx context.Context, ours *server, m model, want answer, clients int, times map[string]float64) error {
	for _, p := range others() {
		if err := b.pair(ctx, ours, p, m, want, clients, times); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) pair(ctx context.Context, ours *server, p peer, m model, want answer, clients int, times map[string]float64) error {
	compare := func(way string, ours, theirs figure) {
		b.lines = append(b.lines, many(fmt.Sprintf("%s, %d clients, %s", m.name, clients, way), ours, p.name, theirs, times[p.name+" "+way]))
	}
	theirs, err := b.startPeer(ctx, p, m)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		progress("%s: %v", p.name, err)
		compare("REST", figure{}, figure{absent: err.Error()})
		return nil
	}
	defer theirs.Stop()
	for _, way := range wayNames() {
		if ways(theirs)[way] == nil {
			continue
		}
		peer := b.asked(theirs, way, want, clients)
		peer.peer = true
		both, err := b.turns(ctx, b.asked(ours, way, want, clients), peer)
		if err != nil {
			return err
		}
		compare(way, both[0], both[1])
	}
	return nil
}

// latency compares one client's median with that of a bare Run, of a model in a process of its own and in the gateway's.
func (b *bench) latency(ctx context.Context, models []model, f floors) (err error) {
	m, ok := oneOf(models, tiny)
	if !ok {
		return nil
	}
	apart, err := b.slipway(ctx, m)
	if err != nil {
		return err
	}
	defer apart.Stop()
	inside, err := b.slipway(ctx, m, "SLIPWAY_ISOLATION=none")
	if err != nil {
		return err
	}
	defer inside.Stop()
	protocol, err := b.startEcho(ctx, m, f[m.name].want, 0)
	if err != nil {
		return err
	}
	defer protocol.Stop()
	bare, err := b.loop(m, 1, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	most := map[string]time.Duration{"gRPC": 150 * time.Microsecond, "REST": 250 * time.Microsecond}
	want := f[m.name].want
	for _, way := range wayNames() {
		// The bare Run is between the two that are compared with it.
		got, err := b.turns(ctx, b.asked(apart, way, want, 1), b.looped(m.name+", bare Run", bare), b.asked(inside, way, want, 1), b.asked(protocol, way, want, 1))
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s, 1 client, %s, --isolation ", m.name, way)
		b.lines = append(b.lines, added(what+"process", got[0], got[3], got[1], most[way]), added(what+"none", got[2], got[3], got[1], most[way]))
		b.slices[m.name] = append(b.slices[m.name], got[1].windows...)
	}
	return nil
}

// larger compares rows a second of the other models with the floor's and with the peers'.
func (b *bench) larger(ctx context.Context, models []model, f floors) error {
	for _, m := range models {
		if m.kind == tiny {
			continue
		}
		ours, err := b.slipway(ctx, m)
		if err != nil {
			return err
		}
		err = b.besideFloor(ctx, ours, m, f[m.name])
		if err == nil {
			err = b.beside(ctx, ours, m, f[m.name].want, wide, nil)
		}
		ours.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// besideFloor compares the gateway with ONNX Runtime alone and with what the protocol alone takes, in turns.
func (b *bench) besideFloor(ctx context.Context, ours *server, m model, bound floor) (err error) {
	protocol, err := b.startEcho(ctx, m, bound.want, 0)
	if err != nil {
		return err
	}
	defer protocol.Stop()
	best, err := b.loop(m, bound.allowed.batch, bound.allowed.loops)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, best.close()) }()
	alone, err := b.loop(m, m.batch, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alone.close()) }()
	for _, way := range wayNames() {
		got, err := b.turns(ctx, b.asked(ours, way, bound.want, wide), b.looped(m.name+", floor", best), b.looped(m.name+", a batch alone", alone),
			b.asked(protocol, way, bound.want, wide))
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s, %d clients, %s", m.name, wide, way)
		b.lines = append(b.lines, share(what, got[0], got[1], bound, 0.85), waited(what, got[0], m.batch, got[2], 2))
		if m.kind == small { // beside a larger one the handler's rate says nothing
			b.lines = append(b.lines, many(what, got[0], "an empty handler", got[3], 0))
		}
		if b.device == "cpu" { // elsewhere the floor costs no cores
			b.lines = append(b.lines, combined(what, got[0], got[3], got[1], runtime.NumCPU()))
		}
		b.slices[m.name] = append(b.slices[m.name], got[1].windows...)
	}
	return nil
}
