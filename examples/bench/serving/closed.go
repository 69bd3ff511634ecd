package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// slack is how much longer the load runs than it counts, so that the last window is whole.
const slack = 200 * time.Millisecond

// closed has n clients each send its next row when the last was answered, and cuts the time after a warm-up into windows.
func (b *bench) closed(ctx context.Context, s *server, e *endpoint, want answer, n int) (figure, error) {
	before := s.Usage().CPU
	seen, err := b.load(ctx, e, want, load{clients: n, length: b.size.warm + time.Duration(b.size.windows)*b.size.window + slack})
	if err != nil {
		return figure{}, fmt.Errorf("%d clients: %w", n, err)
	}
	spent := s.Usage().CPU - before
	f := cut(seen.samples, seen.samples[0].start().Add(b.size.warm), b.size.window, b.size.windows)
	if f.rate() == 0 {
		return figure{}, fmt.Errorf("%d clients: %d answers, and none in most windows: was the machine held up?", n, len(seen.samples))
	}
	f.cpu, f.load = spent/time.Duration(len(seen.samples)), seen.cpu/time.Duration(len(seen.samples))
	return f, nil
}

// load has an endpoint loaded in a closed loop, and makes sure that each answer was one. Before and after, it has to answer as wanted.
func (b *bench) load(ctx context.Context, e *endpoint, want answer, l load) (seen, error) {
	size, err := e.check(ctx, want)
	if err != nil {
		return seen{}, err
	}
	out, err := b.h2load(ctx, e, l)
	if err == nil {
		err = out.whole(l.clients)
	}
	if err == nil && e.grpc {
		err = out.answered(size, l.clients)
	}
	if err != nil {
		return out, err
	}
	if _, err = e.check(ctx, want); err != nil {
		return out, fmt.Errorf("after the load: %w", err)
	}
	return out, nil
}

// whole tells whether every request was answered with 200 but those under way at the end: one a client at most.
func (s seen) whole(clients int) error {
	other := map[int]int{}
	wrong := 0
	for _, one := range s.samples {
		if one.status != okStatus {
			other[one.status]++
			wrong++
		}
	}
	switch {
	case len(s.samples) == 0:
		return errors.New("no answer at all")
	case wrong > 0:
		return fmt.Errorf("%d of %d answers were not 200, but (status: how many) %v", wrong, len(s.samples), other)
	case s.broken > 0:
		return fmt.Errorf("%d of %d requests had no answer", s.broken, s.started)
	case s.started > s.done+clients || s.done != len(s.samples):
		return fmt.Errorf("%d requests were sent, %d answered, %d logged", s.started, s.done, len(s.samples))
	}
	return nil
}

// answered tells by the size of all answers whether each was one: an error of gRPC is a 200 as well, but without a message. What comes
// on top are answers that were not whole at the end, one a client at most.
func (s seen) answered(size, clients int) error {
	least, most := int64(s.done)*int64(size), int64(s.done+clients)*int64(size)
	if s.body < least || s.body > most {
		return fmt.Errorf("%d answers of %d bytes would be %d; %d bytes came, so that not all of them were answers", s.done, size, least, s.body)
	}
	return nil
}
