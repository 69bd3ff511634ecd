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
	"github.com/slipway-ml/slipway/internal/serving"
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

// ends are both sides of a pipe of so many lanes in this process.
func ends(lanes int) (ours, theirs pipeEnds) {
	ours.cancels, theirs.cancels = net.Pipe()
	for range lanes {
		a, b := net.Pipe()
		ours.lanes, theirs.lanes = append(ours.lanes, a), append(theirs.lanes, b)
	}
	return ours, theirs
}

// piped is a pipe to a server of the model in this process.
func piped(t *testing.T, m echo) (p *pipe, gone chan struct{}) {
	t.Helper()
	ours, theirs := ends(3)
	gone = make(chan struct{})
	p = newPipe(ours, m.infos, m.infos, func() { close(gone) })
	served := make(chan struct{})
	go func() {
		defer close(served)
		servePipe(theirs.lanes, theirs.cancels, newServer(m, "m", "1"))
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
// That a batch shall have one thread is told across the pipe, also of one row alone, and not of the next one on the same lane.
func TestPipeTellsOfOneThread(t *testing.T) {
	t.Parallel()
	var seen []bool
	row := []onnx.Tensor{{Name: "x", Type: onnx.Float32, Shape: []int64{1, 1}, Floats: []float32{1}}}
	p, _ := piped(t, echo{infos: infosOf(row), run: func(ctx context.Context) error { seen = append(seen, serving.OnOneThread(ctx)); return nil }})
	for _, ctx := range []context.Context{t.Context(), serving.WithOneThread(t.Context()), t.Context()} {
		_, err := p.Infer(ctx, row)
		require.NoError(t, err)
	}
	require.Equal(t, []bool{false, true, false}, seen)
}

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
	ours, theirs := ends(1)
	gone := make(chan struct{})
	p := newPipe(ours, infosOf(every()), nil, func() { close(gone) })
	go func() {
		_, _ = receive(theirs.lanes[0])
		_ = theirs.Close()
	}()
	_, err := p.Infer(context.Background(), every())
	require.Equal(t, oip.Unavailable, oip.CodeOf(err))
	<-gone
}

// What a process answers is checked before it is believed.
func TestPipeRefusesWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	good, err := appendTensors(startFrame(nil, 1, frameOutputs), every())
	require.NoError(t, err)
	for name, b := range map[string][]byte{
		"another kind": startFrame(nil, 1, 77), "an error without words": startFrame(nil, 1, frameError), "an unknown code": append(startFrame(nil, 1, frameError), 200),
		"nothing": startFrame(nil, 1, frameOutputs), "half": good[:len(good)-3], "more": append(append([]byte{}, good...), 0),
	} {
		ours, theirs := ends(1)
		gone := make(chan struct{})
		p := newPipe(ours, infosOf(every()), infosOf(every()), func() { close(gone) })
		go func() {
			asked, _ := receive(theirs.lanes[0])
			sealed, _ := sealFrame(b)
			binary.LittleEndian.PutUint64(sealed[4:], asked.call)
			_, _ = theirs.lanes[0].Write(sealed)
		}()
		_, err := p.Infer(context.Background(), every())
		require.Error(t, err, name)
		require.Equal(t, oip.Internal, oip.CodeOf(err), name)
		require.NoError(t, theirs.Close())
		_, err = p.Infer(context.Background(), every())
		require.ErrorIs(t, err, errBroken, name)
		<-gone
	}
}

// receive is the next frame of a connection.
func receive(conn net.Conn) (frame, error) {
	r := newFrameReader(conn)
	return r.next()
}

// An answer to another call is no answer to this one, and whoever gives it is not believed any more.
func TestPipeRefusesTheAnswerToAnotherCall(t *testing.T) {
	t.Parallel()
	ours, theirs := ends(1)
	gone := make(chan struct{})
	p := newPipe(ours, infosOf(every()), infosOf(every()), func() { close(gone) })
	go func() {
		asked, _ := receive(theirs.lanes[0])
		b, _ := sealFrame(startFrame(nil, asked.call+maxLanes, frameOutputs))
		_, _ = theirs.lanes[0].Write(b)
	}()
	_, err := p.Infer(context.Background(), every())
	require.ErrorIs(t, err, errFrame)
	require.Equal(t, oip.Unavailable, oip.CodeOf(err))
	<-gone
}

// A caller leaves at once although the process does not answer, and whatever part of the answer has come by
// then: the lane is used again once the rest is there.
func TestPipeIsLeftInTheMiddleOfAnAnswer(t *testing.T) {
	t.Parallel()
	ours, theirs := ends(1)
	p := newPipe(ours, infosOf(every()), infosOf(every()), func() {})
	defer func() { require.NoError(t, p.Close()) }()
	for _, part := range []int{0, 3, frameHeader, frameHeader + 5} {
		ctx, leave := context.WithCancel(context.Background())
		left := make(chan error, 1)
		go func() {
			_, err := p.Infer(ctx, every())
			left <- err
		}()
		asked, err := receive(theirs.lanes[0])
		require.NoError(t, err)
		b, err := appendTensors(startFrame(nil, asked.call, frameOutputs), every())
		require.NoError(t, err)
		b, err = sealFrame(b)
		require.NoError(t, err)
		_, err = theirs.lanes[0].Write(b[:part])
		require.NoError(t, err)
		leave()
		cancelled, err := receive(theirs.cancels)
		require.NoError(t, err)
		require.Equal(t, asked.call, cancelled.call)
		require.ErrorIs(t, <-left, context.Canceled)
		_, err = theirs.lanes[0].Write(b[part:])
		require.NoError(t, err)
	}
	go func() {
		asked, _ := receive(theirs.lanes[0])
		b, _ := appendTensors(startFrame(nil, asked.call, frameOutputs), every())
		b, _ = sealFrame(b)
		_, _ = theirs.lanes[0].Write(b)
	}()
	out, err := p.Infer(context.Background(), every())
	require.NoError(t, err)
	require.Equal(t, every(), out)
}

// A cancellation may come before its call: they go different ways.
func TestPipeServerIsToldEarly(t *testing.T) {
	t.Parallel()
	ours, theirs := ends(2)
	served := make(chan struct{})
	go func() {
		defer close(served)
		model := echo{infos: infosOf(every()), run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		servePipe(theirs.lanes, theirs.cancels, newServer(model, "m", "1"))
	}()
	const call = 5*maxLanes + 1
	for _, unknown := range []uint64{7, call} { // of a lane that there is not, and of the one below
		b, err := sealFrame(startFrame(nil, unknown, frameCancel))
		require.NoError(t, err)
		_, err = ours.cancels.Write(b)
		require.NoError(t, err)
	}
	b, err := appendTensors(startFrame(nil, call, frameInfer), every())
	require.NoError(t, err)
	b, err = sealFrame(b)
	require.NoError(t, err)
	_, err = ours.lanes[1].Write(b)
	require.NoError(t, err)
	answer, err := receive(ours.lanes[1])
	require.NoError(t, err)
	require.Equal(t, frameError, answer.kind)
	require.EqualValues(t, call, answer.call)
	require.NoError(t, ours.Close())
	<-served
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
	whole, err := sealFrame(append(startFrame(nil, 7, frameInfer), 1, 2, 3))
	require.NoError(f, err)
	f.Add(whole)
	f.Add(binary.LittleEndian.AppendUint32(nil, math.MaxUint32))
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Write(b)
			_ = theirs.Close()
		}()
		got, err := receive(ours)
		if err == nil {
			require.Equal(t, b[frameHeader:frameHeader+len(got.body)], append([]byte{}, got.body...))
		}
		_ = ours.Close()
	})
}
