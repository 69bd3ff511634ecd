package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
)

// doll stands for a loaded model.
type doll struct {
	Inferer
	name   string
	down   string
	closed bool
	broken error // of Close
}

func (d *doll) Close() error {
	if d.closed {
		return errors.New("closed twice")
	}
	d.closed = true
	return d.broken
}

func (d *doll) Process() (serving.Process, bool) { return serving.Process{Down: d.down}, true }

// dolls is a pool of them and all that it has loaded.
type dolls struct {
	*Pool
	mu   sync.Mutex
	made []*doll
}

func newDolls(most int) *dolls {
	d := &dolls{}
	d.Pool = NewPool(PoolConfig{Most: most, Load: func(_ context.Context, artifact []byte, m Model, threads int) (Inferer, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		made := &doll{name: fmt.Sprintf("%s of %s for %d", artifact, m.Name, threads)}
		d.made = append(d.made, made)
		return made, nil
	}})
	return d
}

func (d *dolls) borrow(t *testing.T, name string, threads int) *Loan {
	t.Helper()
	l, err := d.Borrow(t.Context(), Model{Name: name}, threads, func() ([]byte, error) { return []byte("file"), nil })
	require.NoError(t, err)
	return l
}

// open are the models that are loaded.
func (d *dolls) open() (names []string) {
	for _, m := range d.made {
		if !m.closed {
			names = append(names, m.name)
		}
	}
	return names
}

func TestPoolLendsAgain(t *testing.T) {
	t.Parallel()
	d := newDolls(4)
	first := d.borrow(t, "a", 1)
	second := d.borrow(t, "a", 1)
	require.NotSame(t, first.Inferer, second.Inferer, "each is one borrower's")
	require.NoError(t, first.Return(true))
	third := d.borrow(t, "a", 1)
	require.Same(t, first.Inferer, third.Inferer)
	other := d.borrow(t, "a", 2)
	require.NoError(t, third.Return(false))
	require.Equal(t, []string{"file of a for 1", "file of a for 2"}, d.open(), "one that did badly is closed")
	require.NoError(t, errors.Join(second.Return(true), other.Return(true)))

	require.NoError(t, d.Release(Model{Name: "b"}))
	require.Len(t, d.open(), 2)
	require.NoError(t, d.Release(Model{Name: "a"}))
	require.Empty(t, d.open())
}

func TestPoolIsBounded(t *testing.T) {
	t.Parallel()
	d := newDolls(2)
	a, b := d.borrow(t, "a", 1), d.borrow(t, "b", 1)
	require.NoError(t, a.Return(true))
	c := d.borrow(t, "c", 1)
	require.Equal(t, []string{"file of b for 1", "file of c for 1"}, d.open(), "a gave way")
	e := d.borrow(t, "e", 1)
	require.Len(t, d.open(), 3, "what is wanted is not refused")
	require.NoError(t, errors.Join(b.Return(true), c.Return(true), e.Return(true)))
	d.borrow(t, "b", 1)
	require.Len(t, d.made, 4, "b waited")
}

func TestPoolLetsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDolls(4)
		a, b := d.borrow(t, "a", 1), d.borrow(t, "b", 1)
		require.NoError(t, a.Return(true))
		time.Sleep(DefaultIdle - time.Second) // of a clock that is not the world's
		a = d.borrow(t, "a", 1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, d.open(), 2, "one that is lent does not wait")
		require.NoError(t, errors.Join(a.Return(true), b.Return(true)))
		time.Sleep(DefaultIdle + time.Second)
		synctest.Wait()
		require.Empty(t, d.open())
	})
}

func TestPoolForgetsTheDead(t *testing.T) {
	t.Parallel()
	d := newDolls(4)
	a := d.borrow(t, "a", 1)
	require.NoError(t, a.Return(true))
	d.made[0].down = "it crashed"
	again := d.borrow(t, "a", 1)
	require.NotSame(t, a.Inferer, again.Inferer)
	require.Len(t, d.open(), 1)
}

func TestPoolCloses(t *testing.T) {
	t.Parallel()
	d := newDolls(4)
	a, b := d.borrow(t, "a", 1), d.borrow(t, "b", 1)
	require.NoError(t, a.Return(true))
	require.NoError(t, d.Close())
	require.Equal(t, []string{"file of b for 1"}, d.open())
	require.NoError(t, b.Return(true))
	require.Empty(t, d.open())
}

func TestPoolFails(t *testing.T) {
	t.Parallel()
	d := newDolls(1)
	gone := errors.New("the store is gone")
	_, err := d.Borrow(t.Context(), Model{Name: "a"}, 1, func() ([]byte, error) { return nil, gone })
	require.ErrorIs(t, err, gone)
	a := d.borrow(t, "a", 1)
	require.NoError(t, a.Return(true))
	require.Len(t, d.open(), 1, "the loan that came to nothing does not count")
	d.made[0].broken = errors.New("it does not close")
	_, err = d.Borrow(t.Context(), Model{Name: "b"}, 1, nil)
	require.ErrorIs(t, err, d.made[0].broken)
	b := d.borrow(t, "b", 1)
	require.NoError(t, b.Return(true))
	require.Len(t, d.open(), 1)
}

// TestPoolOfProcesses lends a real model's process twice, and once it was killed another.
func TestPoolOfProcesses(t *testing.T) {
	t.Parallel()
	p := NewPool(PoolConfig{Load: Loader{Config: modelserver.Config{Device: onnx.DeviceCPU, Pause: time.Hour, MaxPause: time.Hour}}.Load})
	borrow := func() (*Loan, int) {
		l, err := p.Borrow(t.Context(), toy(), 1, func() ([]byte, error) { return content(t, onnxTestdata, "good.onnx"), nil })
		require.NoError(t, err)
		require.NoError(t, run(t.Context(), t, l))
		process, ok := l.Inferer.(serving.Supervised).Process()
		require.True(t, ok)
		return l, process.PID
	}
	first, pid := borrow()
	require.NoError(t, first.Return(true))
	second, again := borrow()
	require.Equal(t, pid, again)
	require.NoError(t, second.Return(true))
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool { return down(second.Inferer) }, 30*time.Second, time.Millisecond)
	third, other := borrow()
	require.NotEqual(t, pid, other)
	require.NoError(t, errors.Join(third.Return(true), p.Close()))
}
