package ensemble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// fake is a member: its one output is the sum of its inputs and what it adds.
type fake struct {
	name   string
	inputs []string
	adds   float32
	infer  func(ctx context.Context) error // before it answers; nil: nothing
	closed atomic.Int32
	loads  atomic.Int32
	down   string
	device string // empty: cpu
	places int    // see serving.Narrowable
}

func (f *fake) Inputs() []onnx.Info {
	out := make([]onnx.Info, len(f.inputs))
	for i, name := range f.inputs {
		out[i] = info(name, onnx.Float32, -1, 1)
	}
	return out
}
func (f *fake) Outputs() []onnx.Info { return []onnx.Info{info("y", onnx.Float32, -1, 1)} }
func (f *fake) Narrow() int          { return f.places }
func (f *fake) Device() string {
	if f.device != "" {
		return f.device
	}
	return "cpu"
}
func (f *fake) Close() error             { f.closed.Add(1); return nil }
func (f *fake) Examples() map[string]any { return map[string]any{f.inputs[0]: 7.0} }
func (f *fake) Process() (serving.Process, bool) {
	return serving.Process{PID: len(f.name), Resident: 10, Restarts: 1, Down: f.down}, true
}

func (f *fake) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	in, err := onnx.Arrange(f.Inputs(), in)
	if err != nil {
		return nil, err
	}
	if f.infer != nil {
		if err := f.infer(ctx); err != nil {
			return nil, err
		}
	}
	out := onnx.Tensor{Name: "y", Type: onnx.Float32, Shape: in[0].Shape, Floats: make([]float32, in[0].Rows())}
	for row := range out.Floats {
		out.Floats[row] = f.adds
		for _, t := range in {
			out.Floats[row] += t.Floats[row]
		}
	}
	return []onnx.Tensor{out}, nil
}

// fakes loads members by their bytes, which are their names.
type fakes map[string]*fake

func (m fakes) Load(_ context.Context, artifact []byte, config spec.Model) (serving.Model, error) {
	f, ok := m[string(artifact)]
	if !ok {
		return nil, fmt.Errorf("there is no %s", artifact)
	}
	f.loads.Add(1)
	return serving.NewModel(f, config)
}

// diamond has two steps beside each other between two others.
const diamond = `kind: ensemble
steps:
  - {name: last, model: {file: add}, inputs: {a: left.y, b: right.y}}
  - {name: left, model: {file: left}, inputs: {x: first.y}}
  - {name: right, model: {file: right}, inputs: {x: first.y}}
  - {name: first, model: {file: first}}
outputs: [{name: sum, from: last.y}, {name: left, from: left.y}]
`

func members() fakes {
	return fakes{
		"first": {name: "first", inputs: []string{"x"}, adds: 1}, "left": {name: "left", inputs: []string{"x"}, adds: 10},
		"right": {name: "right", inputs: []string{"x"}, adds: 100}, "add": {name: "add", inputs: []string{"a", "b"}},
	}
}

// pack is a packed ensemble whose members' bytes are their names.
func pack(t testing.TB, text string) []byte {
	t.Helper()
	d, err := Parse([]byte(text))
	require.NoError(t, err)
	for i, s := range d.Steps {
		d.Steps[i].Model.Digest = digestOf(s.Model.String())
	}
	return packed(t, d)
}

func load(t testing.TB, text string, m fakes) serving.Model {
	t.Helper()
	model, err := Runtime{Members: m}.Load(t.Context(), pack(t, text), spec.Model{Name: "e", Version: "3"})
	require.NoError(t, err)
	return model
}

func column(values ...float32) []onnx.Tensor {
	return []onnx.Tensor{{Name: "x", Type: onnx.Float32, Shape: []int64{int64(len(values)), 1}, Floats: values}}
}

func TestInfer(t *testing.T) {
	t.Parallel()
	m := members()
	model := load(t, diamond, m)
	require.Equal(t, []onnx.Info{info("x", onnx.Float32, -1, 1)}, model.Inputs())
	out, err := model.Infer(t.Context(), column(1, 2, 3))
	require.NoError(t, err)
	require.Equal(t, []string{"sum", "left"}, []string{out[0].Name, out[1].Name})
	require.Equal(t, []float32{114, 116, 118}, out[0].Floats)
	require.Equal(t, []float32{12, 13, 14}, out[1].Floats)
	_, err = model.Infer(t.Context(), []onnx.Tensor{{Name: "q"}})
	require.ErrorIs(t, err, serving.ErrInput)
	require.NoError(t, model.Close())
	for name, f := range m {
		require.EqualValues(t, 1, f.closed.Load(), name)
	}
}

// Steps beside each other run at the same time: each waits here for the other.
func TestStepsRunAtOnce(t *testing.T) {
	t.Parallel()
	m := members()
	meet := make(chan struct{})
	m["left"].infer = func(ctx context.Context) error {
		select {
		case meet <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m["right"].infer = func(ctx context.Context) error {
		select {
		case <-meet:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, err := load(t, diamond, m).Infer(t.Context(), column(1))
	require.NoError(t, err)
}

// A failure is that of its step; the step beside it is ended, the one behind it never begins.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		first bool // the first step fails, which takes what the caller gave
		is    error
		isNot error
		want  string
	}{
		"the process is gone":  {err: fmt.Errorf("%w: its process has ended", serving.ErrNotReady), is: serving.ErrNotReady, want: "step left (left): model version is not ready"},
		"the model failed":     {err: fmt.Errorf("%w: division by zero", serving.ErrModel), is: serving.ErrModel, want: "step left (left): model failed"},
		"not the caller's":     {err: fmt.Errorf("%w: a word that it does not know", serving.ErrInput), is: serving.ErrModel, isNot: serving.ErrInput, want: "step left (left): input does not fit"},
		"the caller's":         {err: fmt.Errorf("%w: a word that it does not know", serving.ErrInput), first: true, is: serving.ErrInput, isNot: serving.ErrModel, want: "step first (first): input does not fit"},
		"what nobody foresees": {err: nil, is: serving.ErrModel, want: "panic: out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := members()
			broken := m["left"]
			if c.first {
				broken = m["first"]
			}
			broken.infer = func(context.Context) error {
				if c.err == nil {
					panic("out of range")
				}
				return c.err
			}
			m["right"].infer = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			m["add"].infer = func(context.Context) error { return errors.New("it must not begin") }
			_, err := load(t, diamond, m).Infer(t.Context(), column(1))
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.want)
			if c.isNot != nil {
				require.NotErrorIs(t, err, c.isNot)
			}
		})
	}
}

// A caller who leaves ends what runs, and nothing more begins.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	m := members()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	m["left"].infer = func(inner context.Context) error { leave(); <-inner.Done(); return inner.Err() }
	m["right"].infer = func(inner context.Context) error { <-inner.Done(); return inner.Err() }
	model := load(t, diamond, m)
	_, err := model.Infer(ctx, column(1))
	require.ErrorIs(t, err, context.Canceled)

	m["left"].infer, m["right"].infer = nil, nil
	again, leaveAgain := context.WithCancel(t.Context())
	defer leaveAgain()
	m["first"].infer = func(context.Context) error { leaveAgain(); return nil }
	_, err = model.Infer(again, column(1))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "before step left")
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	m := members()
	delete(m, "add")
	_, err := Runtime{Members: m}.Load(t.Context(), pack(t, diamond), spec.Model{Name: "e", Version: "3"})
	require.ErrorContains(t, err, "ensemble: step last: add: there is no add")
	m = members()
	m["first"].inputs = []string{"x", "z"}
	m["left"].inputs = []string{"q"}
	_, err = Runtime{Members: m}.Load(t.Context(), pack(t, diamond), spec.Model{Name: "e", Version: "3"})
	require.ErrorContains(t, err, "ensemble: step left: left has no input x: it takes q float32[?,1]")
	for name, f := range m {
		require.Equal(t, f.loads.Load(), f.closed.Load(), name)
	}

	inner := pack(t, diamond)
	d, err := Parse([]byte("kind: ensemble\nsteps: [{name: a, model: {file: inner.tar}}]\noutputs: [{name: o, from: a.sum}]"))
	require.NoError(t, err)
	d.Steps[0].Model.Digest = digestOf(string(inner))
	var outer bytes.Buffer
	require.NoError(t, Pack(&outer, d, func(Member) (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader(inner)), int64(len(inner)), nil
	}))
	_, err = Runtime{Members: m}.Load(t.Context(), outer.Bytes(), spec.Model{Name: "e", Version: "3"})
	require.ErrorIs(t, err, ErrNested)
}

// A member that two steps run is loaded once.
func TestMemberOfTwoSteps(t *testing.T) {
	t.Parallel()
	m := members()
	model := load(t, strings.ReplaceAll(diamond, "file: right", "file: left"), m)
	out, err := model.Infer(t.Context(), column(1))
	require.NoError(t, err)
	require.Equal(t, []float32{24}, out[0].Floats)
	require.NoError(t, model.Close())
	require.EqualValues(t, 1, m["left"].loads.Load())
	require.EqualValues(t, 1, m["left"].closed.Load())
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	m := members()
	model := load(t, strings.Replace(diamond, "file: right", "name: credit, version: 1.1.0", 1), fakes{
		"first": m["first"], "left": m["left"], "credit/1.1.0": m["right"], "add": m["add"],
	})
	_, err := model.Infer(t.Context(), column(1, 2))
	require.NoError(t, err)
	m["right"].infer = func(context.Context) error { return serving.ErrNotReady }
	_, err = model.Infer(t.Context(), column(1))
	require.Error(t, err)

	require.Equal(t, Platform, model.(serving.Described).Platform())
	require.Equal(t, map[string]any{"x": 7.0}, model.(serving.Exemplified).Examples(), "of the inputs of the ensemble")
	steps := model.(serving.Composed).Steps()
	require.Len(t, steps, 4)
	right := steps[2]
	require.Equal(t, []string{"right", "credit", "1.1.0"}, []string{right.Name, right.Model, right.Version})
	require.Equal(t, map[string]string{"x": "first.y"}, right.Inputs)
	require.Equal(t, map[string]string{"y": "right.y"}, right.Outputs)
	require.EqualValues(t, 2, right.Counts.Rows)
	require.EqualValues(t, 1, right.Counts.Success.Count)
	require.EqualValues(t, 1, right.Counts.Fail.Count)
	require.Equal(t, "e.last 3", steps[0].Model+" "+steps[0].Version, "a file is called after its step")
	require.Equal(t, map[string]string{"y": "sum"}, steps[0].Outputs)
	require.Equal(t, map[string]string{"a": "left", "b": "right.y"}, steps[0].Inputs, "an output of the ensemble is called as there")

	p, ok := model.(serving.Supervised).Process()
	require.True(t, ok)
	require.EqualValues(t, 40, p.Resident)
	require.EqualValues(t, 4, p.Restarts)
	require.Empty(t, p.Down)
	m["right"].down = "killed"
	p, _ = model.(serving.Supervised).Process()
	require.Equal(t, "credit/1.1.0: killed", p.Down)
	require.Equal(t, "killed", p.Members[2].Down)
}
