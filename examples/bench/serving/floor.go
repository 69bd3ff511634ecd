package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	ort "github.com/yalue/onnxruntime_go"
)

// floor is what ONNX Runtime does with a model in a loop, as a first pass over all ways found it. The host's speed moves: what is judged is
// compared with slices of the best way that are measured beside it.
type floor struct {
	any     pace // the best way of all
	allowed pace // the best with no more rows in hand than there are clients
	// times of a Run by its rows, one at a time on all cores
	times map[int]time.Duration
	want  answer // to the row
}

// pace is a way to run rows, and how fast that is.
type pace struct {
	rate         float64 // rows a second
	batch, loops int     // rows of a Run, and Runs at once: one on all cores, or one a core
}

func (p pace) String() string { return fmt.Sprintf("%s rows/s, %s", count(p.rate), p.way()) }

func (p pace) way() string { return fmt.Sprintf("%d at once in batches of %d", p.loops, p.batch) }

// floors are by the model's name.
type floors map[string]floor

// floors measures every model.
func (b *bench) floors(ctx context.Context, models []model) (floors, error) {
	out := floors{}
	for _, m := range models {
		progress("floor: %s, ONNX Runtime %s alone on %s", m.name, ort.GetVersion(), b.device)
		f, err := b.floor(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		progress("floor: %s: one row %s; %s; with %d rows in hand %s", m.name, duration(f.times[1]), f.any, wide, f.allowed)
		out[m.name] = f
	}
	return out, nil
}

func (b *bench) floor(ctx context.Context, m model) (floor, error) {
	f := floor{times: map[int]time.Duration{}}
	for _, loops := range slices.Compact([]int{1, runtime.NumCPU()}) {
		for batch := 1; batch <= 4*m.batch && ctx.Err() == nil; batch *= 2 {
			w, answered, err := b.look(m, batch, loops)
			if err != nil {
				return f, err
			}
			p := pace{rate: w.rate, batch: batch, loops: loops}
			if p.rate > f.any.rate {
				f.any = p
			}
			if p.rate > f.allowed.rate && p.batch*p.loops <= wide {
				f.allowed = p
			}
			if loops == 1 {
				f.times[batch] = w.p50
			}
			if f.want == nil {
				f.want = answered
			}
		}
	}
	return f, ctx.Err()
}

// look measures one way once.
func (b *bench) look(m model, batch, loops int) (_ window, _ answer, err error) {
	l, err := b.loop(m, batch, loops)
	if err != nil {
		return window{}, nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	w, err := l.run(b.size.floor)
	return w, l.sessions[0].answer(), err
}
