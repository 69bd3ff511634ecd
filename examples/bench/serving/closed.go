package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// client sends one row at a time over a connection that stays open.
type client interface {
	// call sends the row and waits for the answer; anything but an answer is an error.
	call() error
	// ask is call, and reads the answer.
	ask() (answer, error)
	close() error
}

// dial connects one more client to a server.
type dial func() (client, error)

// closed has n clients each send its next row when the last was answered, and cuts the time after a warm-up into windows.
func (b *bench) closed(ctx context.Context, s *server, d dial, n int) (figure, error) {
	clients := make([]client, n)
	var err error
	for i := range clients {
		if clients[i], err = d(); err != nil {
			return figure{}, err
		}
	}
	before := s.Usage().CPU
	start := time.Now().Add(b.size.warm)
	end := start.Add(time.Duration(b.size.windows) * b.size.window)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex
	var all []sample
	var work sync.WaitGroup
	for _, c := range clients {
		work.Go(func() {
			mine := make([]sample, 0, 1<<12)
			for ctx.Err() == nil {
				began := time.Now()
				failed := c.call()
				now := time.Now()
				if failed != nil {
					mu.Lock()
					err = errors.Join(err, failed)
					mu.Unlock()
					stop()
					break
				}
				if now.After(end) {
					break
				}
				mine = append(mine, sample{now, now.Sub(began)})
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	work.Wait()
	spent := s.Usage().CPU - before
	for _, c := range clients {
		err = errors.Join(err, c.close())
	}
	if err != nil {
		return figure{}, fmt.Errorf("%d clients: %w", n, err)
	}
	f := cut(all, start, b.size.window, b.size.windows)
	f.cpu = spent / time.Duration(max(len(all), 1))
	return f, ctx.Err()
}

// check makes sure that a server answers what ONNX Runtime says, before anything counts.
func check(d dial, want answer) error {
	c, err := d()
	if err != nil {
		return err
	}
	got, err := c.ask()
	if err == nil {
		err = want.same(got)
	}
	return errors.Join(err, c.close())
}
