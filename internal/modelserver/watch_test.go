package modelserver

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// looked is a watcher whose clock ticks at each look, and what it sees.
func looked(ready func(look int) (bool, error)) (w *watcher, looks *int) {
	looks = new(int)
	clock := time.Unix(0, 0)
	w = &watcher{Reader: strings.NewReader("x"), now: func() time.Time { return clock }}
	w.ready = func() (bool, error) {
		clock = clock.Add(vigil / 40)
		*looks++
		return ready(*looks)
	}
	return w, looks
}

func TestWatcherLooksOnlyForWhatIsLikelySoon(t *testing.T) {
	t.Parallel()
	w, looks := looked(func(look int) (bool, error) { return look == 3, nil })
	_, err := w.Read(nil)
	require.NoError(t, err)
	require.Zero(t, *looks)
	w.soon = true
	b := make([]byte, 1)
	_, err = w.Read(b)
	require.NoError(t, err)
	require.Equal(t, "x", string(b))
	require.Equal(t, 3, *looks)
	require.False(t, w.soon)
}

func TestWatcherEndsItsLook(t *testing.T) {
	t.Parallel()
	w, looks := looked(func(int) (bool, error) { return false, nil })
	w.await()
	require.Equal(t, 40, *looks, "until the time is over")
	w, looks = looked(func(int) (bool, error) { return false, errors.New("closed") })
	w.await()
	require.Equal(t, 1, *looks, "at an error, which Read tells")
}

// In vain, it watches ever more rarely; once more in time, as before.
func TestWatcherRests(t *testing.T) {
	t.Parallel()
	soon := false
	w, looks := looked(func(int) (bool, error) { return soon, nil })
	tried := func(times int) (n int) {
		for range times {
			before := *looks
			if w.await(); *looks > before {
				n++
			}
		}
		return n
	}
	require.Equal(t, 8, tried(1+2+1+4+1+8+1+16+1+32+1+64+1+64+1)) // after each, 2, 4, … 64 and 64 rests
	soon = true
	require.Equal(t, 1, tried(65))
	require.Equal(t, 3, tried(3), "as each was in time")
}

func TestReadinessOfASocket(t *testing.T) {
	t.Parallel()
	ours, file, err := socketPair()
	require.NoError(t, err)
	defer func() { _ = ours.Close() }()
	theirs := newWatcher(file)
	if runtime.GOOS != "linux" || runtime.NumCPU() == 1 {
		require.Nil(t, theirs.ready)
		return
	}
	is := func(want bool) {
		t.Helper()
		got, err := theirs.ready()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	is(false)
	_, err = ours.Write([]byte("ab"))
	require.NoError(t, err)
	is(true)
	is(true) // nothing was taken from it
	b := make([]byte, 2)
	_, err = io.ReadFull(theirs, b)
	require.NoError(t, err)
	require.Equal(t, "ab", string(b))
	is(false)
	require.NoError(t, ours.Close())
	require.Eventually(t, func() bool { // its end, once no process that is just being started holds a copy
		ready, err := theirs.ready()
		return ready && err == nil
	}, patience, time.Millisecond)
	require.NoError(t, file.Close())
	_, err = theirs.ready()
	require.Error(t, err)
}

// One caller after the other uses one lane, and says that it is alone; several do not.
func TestPipeKeepsToOneLane(t *testing.T) {
	t.Parallel()
	infos := []onnx.Info{{Name: "f", Type: onnx.Float32}}
	row := func(n int64) []onnx.Tensor {
		return []onnx.Tensor{{Name: "f", Type: onnx.Float32, Shape: []int64{n, 1}, Floats: make([]float32, n)}}
	}
	ours, theirs := ends(3)
	p := newPipe(ours, infos, infos, func() {})
	defer func() { _ = p.Close() }()
	type seen struct {
		lane int
		kind frameKind
	}
	calls, answer := make(chan seen), make(chan struct{})
	for _, conn := range theirs.lanes {
		go func() {
			frames := newFrameReader(conn)
			for {
				f, err := frames.next()
				if err != nil {
					return
				}
				calls <- seen{laneOf(f.call), f.kind}
				<-answer
				b, _ := sealFrame(append(startFrame(nil, f.call, frameOutputs), f.body...))
				if _, err := conn.Write(b); err != nil {
					return
				}
			}
		}()
	}
	done := make(chan error)
	ask := func(rows int64) {
		go func() {
			_, err := p.Infer(context.Background(), row(rows))
			done <- err
		}()
	}
	var first seen
	for i := range 4 {
		ask(1)
		call := <-calls
		if i == 0 {
			first = call
		}
		require.Equal(t, first, call)
		require.Equal(t, frameInferAlone, call.kind)
		answer <- struct{}{}
		require.NoError(t, <-done)
	}
	ask(2)
	require.Equal(t, seen{first.lane, frameInfer}, <-calls, "several rows come from several callers")
	ask(1)
	second := <-calls
	require.NotEqual(t, first.lane, second.lane)
	require.Equal(t, frameInfer, second.kind, "beside another")
	close(answer)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
}
