package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"

	"github.com/slipway-ml/slipway/internal/canary"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// arm is what counts are kept for. Rev is the route's revision when the request
// was routed, so that an analysis can tell the steps of a canary apart.
type arm struct {
	model, version string
	rev            int64
}

type counts struct {
	ok, errors int64
	latency    *ddsketch.DDSketch
}

// Stats counts answers and errors and keeps latency sketches, and hands them to
// the catalog as rows that add up over gateways and flushes.
//
// Its memory is bounded without losing a count: while a flush cannot be
// delivered, it is kept as it is for the next try, and everything newer is
// gathered in one set of sketches, however long that takes.
type Stats struct {
	gateway string
	sink    func(ctx context.Context, rows []catalog.Traffic) error

	mu  sync.Mutex
	now map[arm]*counts

	flushing sync.Mutex // guards what follows
	seq      int64
	pending  []catalog.Traffic
}

// NewStats counts for the gateway with the given id, which no other process
// ever uses: with a row's seq it makes delivery idempotent.
func NewStats(gateway string, sink func(context.Context, []catalog.Traffic) error) *Stats {
	return &Stats{gateway: gateway, sink: sink, now: map[arm]*counts{}}
}

// Add counts one request. Only the latency of a good answer is kept: an error
// may be fast without the model being so.
func (s *Stats) Add(model, version string, rev int64, ok bool, latencyMS float64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := arm{model, version, rev}
	c := s.now[key]
	if c == nil {
		sketch, err := canary.NewLatency()
		if err != nil {
			return err
		}
		c = &counts{latency: sketch}
		s.now[key] = c
	}
	if !ok {
		c.errors++
		return nil
	}
	if err := c.latency.Add(max(latencyMS, 0)); err != nil {
		return fmt.Errorf("count latency %v ms of %s/%s: %w", latencyMS, model, version, err)
	}
	c.ok++
	return nil
}

// Flush delivers what was counted. After an error the same rows are sent
// first by the next Flush.
func (s *Stats) Flush(ctx context.Context, at time.Time) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	for range 2 { // what is left from before, then what is new
		if s.pending == nil {
			s.pending = s.take(at)
		}
		if s.pending == nil {
			return nil
		}
		if err := s.sink(ctx, s.pending); err != nil {
			return fmt.Errorf("flush %d rows of traffic: %w", len(s.pending), err)
		}
		s.pending = nil
	}
	return nil
}

// take moves the counts since the last take into rows; nil if there are none.
func (s *Stats) take(at time.Time) []catalog.Traffic {
	s.mu.Lock()
	taken := s.now
	s.now = make(map[arm]*counts, len(taken))
	s.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	s.seq++
	rows := make([]catalog.Traffic, 0, len(taken))
	for key, c := range taken {
		rows = append(rows, catalog.Traffic{
			Gateway: s.gateway, Seq: s.seq, Model: key.model, Version: key.version, RouteRev: key.rev,
			At: at, OK: c.ok, Errors: c.errors, Sketch: canary.EncodeLatency(c.latency),
		})
	}
	return rows
}
