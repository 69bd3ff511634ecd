package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// floor is what ONNX Runtime does with a model in a loop, with nothing around it.
type floor struct {
	one     time.Duration // median of a Run of one row, one at a time
	any     pace          // the best way of all
	allowed pace          // the best with no more rows in hand than there are clients
	// times of a Run by its rows, one at a time on all cores
	times map[int]time.Duration
	want  answer // to the row
}

// pace is a way to run rows, and how fast that is.
type pace struct {
	rate         float64 // rows a second
	batch, loops int     // rows of a Run, and Runs at once: one on all cores, or one a core
}

func (p pace) String() string {
	return fmt.Sprintf("%s rows/s, %d at once in batches of %d", count(p.rate), p.loops, p.batch)
}

// floors are by the model's name.
type floors map[string]floor

// floors measures every model. ONNX Runtime runs in this process, and is gone before any server starts.
func (b *bench) floors(ctx context.Context, models []model) (_ floors, err error) {
	ort.SetSharedLibraryPath(b.library)
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, fmt.Errorf("start ONNX Runtime %s: %w", b.library, err)
	}
	defer func() { err = errors.Join(err, ort.DestroyEnvironment()) }()
	out := floors{}
	for _, m := range models {
		progress("floor: %s, ONNX Runtime %s alone on %s", m.name, ort.GetVersion(), b.device)
		f, err := b.floor(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		progress("floor: %s: one row %s; %s; with %d rows in hand %s", m.name, duration(f.one), f.any, wide, f.allowed)
		out[m.name] = f
	}
	return out, nil
}

func (b *bench) floor(ctx context.Context, m model) (floor, error) {
	data, err := os.ReadFile(m.file)
	if err != nil {
		return floor{}, err
	}
	f := floor{times: map[int]time.Duration{}}
	cores := runtime.NumCPU()
	for _, way := range []struct{ loops, threads int }{{1, 0}, {cores, 1}} {
		if way.loops == 1 && way.threads == 1 { // one core: both ways are one
			continue
		}
		for batch := 1; batch <= 4*m.batch && ctx.Err() == nil; batch *= 2 {
			times, answered, err := b.loop(data, m, batch, way.loops, way.threads)
			if err != nil {
				return f, err
			}
			n, total := 0, time.Duration(0)
			for _, t := range times {
				n++
				total += t
			}
			p := pace{rate: float64(batch*n*way.loops) / total.Seconds(), batch: batch, loops: way.loops}
			if p.rate > f.any.rate {
				f.any = p
			}
			if p.rate > f.allowed.rate && p.batch*p.loops <= wide {
				f.allowed = p
			}
			if way.loops == 1 {
				f.times[batch] = median(times)
			}
			if batch == 1 && way.loops == 1 {
				f.one, f.want = f.times[1], answered
			}
		}
	}
	return f, ctx.Err()
}

// loop runs batches of so many equal rows for a while, in so many loops at once, each on a session of its own.
func (b *bench) loop(data []byte, m model, batch, loops, threads int) (times []time.Duration, answered answer, err error) {
	sessions := make([]*bare, loops)
	defer func() {
		for _, s := range sessions {
			if s != nil {
				err = errors.Join(err, s.close())
			}
		}
	}()
	for i := range sessions {
		if sessions[i], err = b.bare(data, m, batch, threads); err != nil {
			return nil, nil, err
		}
	}
	var mu sync.Mutex
	var work sync.WaitGroup
	var failed error
	start := time.Now().Add(b.size.floor / 5) // what comes before warms up
	end := start.Add(b.size.floor)
	for _, s := range sessions {
		work.Go(func() {
			var mine []time.Duration
			for now := time.Now(); now.Before(end) || len(mine) < 3; {
				if err := s.session.Run(); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				then := time.Now()
				if now.After(start) {
					mine = append(mine, then.Sub(now))
				}
				now = then
			}
			mu.Lock()
			times = append(times, mine...)
			mu.Unlock()
		})
	}
	work.Wait()
	return times, sessions[0].answer(), failed
}

// bare is a session with its tensors in place.
type bare struct {
	session         *ort.AdvancedSession
	inputs, outputs []ort.Value
	names           []string
}

func (b *bench) bare(data []byte, m model, batch, threads int) (_ *bare, err error) {
	s := &bare{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	var inputs []string
	for _, t := range m.row {
		v, err := repeat(t, batch)
		if err != nil {
			return nil, err
		}
		s.inputs, inputs = append(s.inputs, v), append(inputs, t.Name)
	}
	for _, o := range m.outputs {
		v, err := empty(o, batch)
		if err != nil {
			return nil, err
		}
		s.outputs, s.names = append(s.outputs, v), append(s.names, o.Name)
	}
	options, err := b.options(threads)
	if err != nil {
		return nil, err
	}
	s.session, err = ort.NewAdvancedSessionWithONNXData(data, inputs, s.names, s.inputs, s.outputs, options)
	return s, errors.Join(err, options.Destroy())
}

// options leave everything at ONNX Runtime's defaults but the threads, where they are given, and the device.
func (b *bench) options(threads int) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	if threads > 0 {
		err = o.SetIntraOpNumThreads(threads)
	}
	if index, ok := strings.CutPrefix(b.device, "cuda"); ok && err == nil {
		var cuda *ort.CUDAProviderOptions
		if cuda, err = ort.NewCUDAProviderOptions(); err == nil {
			if index = strings.TrimPrefix(index, ":"); index != "" {
				err = cuda.Update(map[string]string{"device_id": index})
			}
			err = errors.Join(err, o.AppendExecutionProviderCUDA(cuda), cuda.Destroy())
		}
	}
	if err != nil {
		return nil, errors.Join(err, o.Destroy())
	}
	return o, nil
}

// repeat is a tensor of so many times the row.
func repeat(t onnx.Tensor, n int) (ort.Value, error) {
	shape := ort.NewShape(t.Shape...).Clone()
	shape[0] = int64(n)
	if t.Type == onnx.String {
		v, err := ort.NewStringTensor(shape)
		if err != nil {
			return nil, err
		}
		var all []string
		for range n {
			all = append(all, t.Strings...)
		}
		if err := v.SetContents(all); err != nil {
			return nil, errors.Join(err, v.Destroy())
		}
		return v, nil
	}
	var all []float32
	for range n {
		all = append(all, t.Floats...)
	}
	return ort.NewTensor(shape, all)
}

// empty is a tensor for an output of so many rows.
func empty(o onnx.Info, n int) (ort.Value, error) {
	shape := ort.NewShape(o.Shape...).Clone()
	shape[0] = int64(n)
	switch o.Type {
	case onnx.Int64:
		return ort.NewEmptyTensor[int64](shape)
	case onnx.Float32:
		return ort.NewEmptyTensor[float32](shape)
	}
	return nil, fmt.Errorf("output %s: no room of that type is made here", o)
}

// answer is what the last Run said of the first row.
func (s *bare) answer() answer {
	out := answer{}
	for i, v := range s.outputs {
		var numbers []float64
		switch v := v.(type) {
		case *ort.Tensor[int64]:
			numbers = widen(v.GetData(), v.GetShape()[0])
		case *ort.Tensor[float32]:
			numbers = widen(v.GetData(), v.GetShape()[0])
		}
		out[s.names[i]] = numbers
	}
	return out
}

func widen[T int64 | float32](in []T, rows int64) []float64 {
	out := make([]float64, len(in)/int(rows))
	for i := range out {
		out[i] = float64(in[i])
	}
	return out
}

func (s *bare) close() (err error) {
	if s.session != nil {
		err = s.session.Destroy()
	}
	for _, v := range append(s.inputs, s.outputs...) {
		err = errors.Join(err, v.Destroy())
	}
	return err
}
