package modelserver

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// echo answers every input as it came.
type echo struct {
	infos []onnx.Info
	run   func(ctx context.Context) error
}

func (e echo) Inputs() []onnx.Info  { return e.infos }
func (e echo) Outputs() []onnx.Info { return e.infos }
func (e echo) Device() string       { return "cpu" }
func (e echo) Close() error         { return nil }

func (e echo) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	if e.run != nil {
		if err := e.run(ctx); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// piped is a pipe to a server of the model in this process.
func piped(t *testing.T, m echo) (p *pipe, gone chan struct{}) {
	t.Helper()
	ours, theirs := net.Pipe()
	gone = make(chan struct{})
	p = newPipe(ours, m.infos, m.infos, func() { close(gone) })
	served := make(chan struct{})
	go func() {
		defer close(served)
		servePipe(theirs, newServer(m, "m", "1"))
	}()
	t.Cleanup(func() {
		_ = p.Close() // the test may have
		<-gone
		<-served
	})
	return p, gone
}

func every() []onnx.Tensor {
	return []onnx.Tensor{
		{Name: "f", Type: onnx.Float32, Shape: []int64{2, 2}, Floats: []float32{1, -2.5, float32(math.Inf(1)), 0}},
		{Name: "d", Type: onnx.Float64, Shape: []int64{1}, Doubles: []float64{math.Pi}},
		{Name: "i", Type: onnx.Int64, Shape: []int64{2}, Ints: []int64{math.MinInt64, math.MaxInt64}},
		{Name: "u", Type: onnx.Uint8, Shape: []int64{3, 1}, Ints: []int64{0, 7, 255}},
		{Name: "b", Type: onnx.Bool, Shape: []int64{2}, Bools: []bool{true, false}},
		{Name: "s", Type: onnx.String, Shape: []int64{1, 3}, Strings: []string{"", "é", "long enough"}},
	}
}

func infosOf(list []onnx.Tensor) []onnx.Info {
	out := make([]onnx.Info, len(list))
	for i, t := range list {
		out[i] = onnx.Info{Name: t.Name, Type: t.Type}
	}
	return out
}

func TestPipeCarriesEveryType(t *testing.T) {
	t.Parallel()
	p, _ := piped(t, echo{infos: infosOf(every())})
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			for range 20 {
				in := every()
				in[0], in[5] = in[5], in[0] // in any order
				out, err := p.Infer(context.Background(), in)
				require.NoError(t, err)
				require.Equal(t, every(), out)
			}
		})
	}
	callers.Wait()
}

func TestPipeTellsWhoseFaultItIs(t *testing.T) {
	t.Parallel()
	p, gone := piped(t, echo{infos: infosOf(every()), run: func(context.Context) error { return errors.New("no such operator") }})
	_, err := p.Infer(context.Background(), every())
	require.ErrorContains(t, err, "no such operator")
	require.Equal(t, oip.Internal, oip.CodeOf(err))
	_, err = p.Infer(context.Background(), every()[1:])
	require.ErrorContains(t, err, "f float32 is missing")
	require.Equal(t, oip.Invalid, oip.CodeOf(err))
	require.NoError(t, p.Close())
	<-gone
	_, err = p.Infer(context.Background(), every())
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, oip.Unavailable, oip.CodeOf(err))
}

// A caller that leaves ends its computation, and nothing else.
func TestPipeCancels(t *testing.T) {
	t.Parallel()
	entered, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	var first sync.Once
	p, _ := piped(t, echo{infos: infosOf(every()), run: func(ctx context.Context) error {
		var err error
		first.Do(func() {
			entered <- struct{}{}
			<-ctx.Done()
			err = ctx.Err()
			ended <- struct{}{}
		})
		return err
	}})
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error, 1)
	go func() {
		_, err := p.Infer(ctx, every())
		left <- err
	}()
	<-entered
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	<-ended
	out, err := p.Infer(context.Background(), every())
	require.NoError(t, err)
	require.Equal(t, every(), out)
}

// Calls inside fail when the process goes.
func TestPipeBreaks(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	gone := make(chan struct{})
	p := newPipe(ours, infosOf(every()), nil, func() { close(gone) })
	go func() {
		_, _ = readFrame(theirs)
		_ = theirs.Close()
	}()
	_, err := p.Infer(context.Background(), every())
	require.Equal(t, oip.Unavailable, oip.CodeOf(err))
	<-gone
}

// What a process answers is checked before it is believed.
func TestPipeRefusesWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	good, err := appendTensors(newFrame(1, frameOutputs, 0), every())
	require.NoError(t, err)
	for name, b := range map[string][]byte{
		"another kind": newFrame(1, 77, 0), "an error without words": newFrame(1, frameError, 0), "an unknown code": append(newFrame(1, frameError, 1), 200),
		"nothing": newFrame(1, frameOutputs, 0), "half": good[:len(good)-3], "more": append(append([]byte{}, good...), 0),
	} {
		ours, theirs := net.Pipe()
		gone := make(chan struct{})
		p := newPipe(ours, infosOf(every()), infosOf(every()), func() { close(gone) })
		go func() {
			_, _ = readFrame(theirs)
			sealed, _ := sealFrame(b)
			_, _ = theirs.Write(sealed)
		}()
		_, err := p.Infer(context.Background(), every())
		require.Error(t, err, name)
		require.Equal(t, oip.Internal, oip.CodeOf(err), name)
		require.NoError(t, theirs.Close())
		<-gone
	}
}

// FuzzReadTensors: what is read is exactly what was there, and what it announces costs nothing.
func FuzzReadTensors(f *testing.F) {
	good, err := appendTensors(nil, every())
	require.NoError(f, err)
	f.Add(good, byte(6))
	f.Add([]byte{0, 1, 255, 255, 255, 255, 255, 255, 255, 127, 4, 0, 0, 0, 1, 2, 3, 4}, byte(1))
	f.Add([]byte{13, 1, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 255, 255, 255, 255, 1, 2, 3, 4}, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, n byte) {
		infos := make([]onnx.Info, n%8)
		out, err := readTensors(b, infos)
		if err != nil {
			require.ErrorIs(t, err, errFrame)
			return
		}
		again, err := appendTensors(nil, out)
		require.NoError(t, err)
		require.Len(t, again, len(b))
		twice, err := readTensors(again, infos)
		require.NoError(t, err)
		for i := range out {
			require.Equal(t, out[i].Shape, twice[i].Shape)
			require.Equal(t, oip.AppendBinary(nil, out[i]), oip.AppendBinary(nil, twice[i]))
		}
	})
}

// FuzzReadFrame: a frame is what its length says, or none.
func FuzzReadFrame(f *testing.F) {
	whole, err := sealFrame(append(newFrame(7, frameInfer, 3), 1, 2, 3))
	require.NoError(f, err)
	f.Add(whole)
	f.Add(binary.LittleEndian.AppendUint32(nil, math.MaxUint32))
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Write(b)
			_ = theirs.Close()
		}()
		got, err := readFrame(ours)
		if err == nil {
			require.Equal(t, b[frameHeader:frameHeader+len(got.body)], append([]byte{}, got.body...))
		}
		_ = ours.Close()
	})
}
