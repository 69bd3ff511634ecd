package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// closed has n clients each send its next row when the last was answered, and cuts the time after a warm-up into windows.
// Before and after, the server has to answer as wanted.
func (b *bench) closed(ctx context.Context, s *server, e *endpoint, want answer, n int) (figure, error) {
	size, err := e.check(ctx, want)
	if err != nil {
		return figure{}, err
	}
	measured := time.Duration(b.size.windows) * b.size.window
	before := s.Usage().CPU
	samples, sent, err := b.h2load(ctx, load{endpoint: e, clients: n, length: b.size.warm + measured + slack})
	spent := s.Usage().CPU - before
	if err == nil {
		err = sent.whole(len(samples), n)
	}
	if err == nil && e.grpc {
		err = sent.answered(size, n)
	}
	if err != nil {
		return figure{}, fmt.Errorf("%d clients: %w", n, err)
	}
	if _, err = e.check(ctx, want); err != nil {
		return figure{}, fmt.Errorf("after %d clients: %w", n, err)
	}
	f := cut(samples, samples[0].start().Add(b.size.warm), b.size.window, b.size.windows)
	f.cpu = spent / time.Duration(len(samples))
	return f, nil
}

// slack is how much longer the load runs than it counts, so that the last window is whole.
const slack = 200 * time.Millisecond

// whole tells whether every request was answered but those under way at the end: one a client at most.
func (t traffic) whole(answers, clients int) error {
	switch {
	case answers == 0:
		return errors.New("no answer at all")
	case t.failed > 0:
		return fmt.Errorf("%d of %d requests failed", t.failed, t.started)
	case t.started > t.done+clients || t.done != answers:
		return fmt.Errorf("%d requests were sent, %d answered, %d logged", t.started, t.done, answers)
	}
	return nil
}

// answered tells by the size of all answers whether each was one: an error of gRPC is a 200 as well, but without a message. What comes
// on top are answers that were not whole at the end, one a client at most.
func (t traffic) answered(size, clients int) error {
	least, most := int64(t.done)*int64(size), int64(t.done+clients)*int64(size)
	if t.body < least || t.body > most {
		return fmt.Errorf("%d answers of %d bytes would be %d; %d bytes came, so that not all of them were answers", t.done, size, least, t.body)
	}
	return nil
}
