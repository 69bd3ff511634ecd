package outbox_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/outbox"
)

// TestLoop begins an attempt in each round and is told to stop in the third.
func TestLoop(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	wake := make(chan struct{}, 1)
	var begun, ended atomic.Int64
	beats := 0
	l := outbox.Loop{
		Every: time.Hour, Wake: wake,
		Round: func(ctx context.Context, attempts *sync.WaitGroup) error {
			begun.Add(1)
			attempts.Go(func() {
				<-ctx.Done()
				ended.Add(1)
			})
			return nil
		},
		Beat: func() {
			if beats++; beats == 3 {
				stop()
				return
			}
			wake <- struct{}{}
		},
	}
	require.NoError(t, l.Run(ctx))
	require.Equal(t, 3, beats)
	require.EqualValues(t, 3, begun.Load())
	require.EqualValues(t, 3, ended.Load(), "attempts are under way though the loop has ended")
}

// TestLoopFails ends with the error of a round, and ends the attempts before.
func TestLoopFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the catalog is gone")
	var rounds, ended atomic.Int64
	l := outbox.Loop{
		Every: time.Nanosecond, Beat: func() {},
		Round: func(ctx context.Context, attempts *sync.WaitGroup) error {
			if rounds.Add(1) == 2 {
				return broken
			}
			attempts.Go(func() {
				<-ctx.Done()
				ended.Add(1)
			})
			return nil
		},
	}
	require.ErrorIs(t, l.Run(t.Context()), broken)
	require.EqualValues(t, 1, ended.Load())
}

// TestLoopInterrupted takes the error of a round that was told to stop for no error.
func TestLoopInterrupted(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	l := outbox.Loop{Every: time.Hour, Beat: func() {}, Round: func(ctx context.Context, _ *sync.WaitGroup) error {
		stop()
		return ctx.Err()
	}}
	require.NoError(t, l.Run(ctx))
}

func TestPause(t *testing.T) {
	t.Parallel()
	r := outbox.Retry{First: time.Second, Most: 10 * time.Minute}
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 10: 512 * time.Second, 11: 10 * time.Minute, 1 << 40: 10 * time.Minute,
	} {
		require.Equal(t, want, r.Pause(failures), "after %d failures", failures)
	}
	require.Equal(t, time.Second, outbox.Retry{First: time.Minute, Most: time.Second}.Pause(1))
	most := outbox.Retry{First: time.Second, Most: math.MaxInt64}
	require.Equal(t, most.Most, most.Pause(1<<40), "it must not overflow")
}

func TestNote(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	note, done := outbox.Note(ctx)
	defer done()
	require.NoError(t, note.Err())
	_, bounded := note.Deadline()
	require.True(t, bounded)
}
