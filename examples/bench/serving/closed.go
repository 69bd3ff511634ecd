package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// slack is how much longer the load runs than it counts, so that the window is whole.
const slack = 100 * time.Millisecond

// asked is a server that n clients ask in one way, with its turn to come.
func (b *bench) asked(s *server, way string, want answer, n int) contender {
	return contender{name: fmt.Sprintf("%s, %s, %d clients", s.name, way, n), server: s, measure: func(ctx context.Context, warm time.Duration) (window, error) {
		return b.closed(ctx, s, ways(s)[way], want, n, warm)
	}}
}

// closed has n clients each send its next row when the last was answered, and cuts a window out of that behind a warm-up.
func (b *bench) closed(ctx context.Context, s *server, e *endpoint, want answer, n int, warm time.Duration) (window, error) {
	before := s.Usage().CPU
	seen, err := b.load(ctx, e, want, load{clients: n, length: warm + b.size.window + slack})
	if err != nil {
		return window{}, err
	}
	spent := s.Usage().CPU - before
	w := cut(seen.samples, seen.samples[0].start().Add(warm), b.size.window, n)
	if w.rate == 0 {
		return w, fmt.Errorf("%d answers, and none within %s after the warm-up: was the machine held up?", len(seen.samples), b.size.window)
	}
	w.cpu, w.load = spent/time.Duration(len(seen.samples)), seen.cpu/time.Duration(len(seen.samples))
	return w, nil
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
