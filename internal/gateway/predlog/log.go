package predlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Blobs is where segments' bytes go.
type Blobs interface {
	PutBytes(ctx context.Context, b []byte, mediaType string) (artifacts.Ref, error)
}

// Ledger is where segments are put on record.
type Ledger interface {
	AddSegment(ctx context.Context, s catalog.Segment) error
}

// Config sets up a Log.
type Config struct {
	// Gateway is the writer's id, never used again by another process. Required.
	Gateway string
	Blobs   Blobs  // required
	Ledger  Ledger // required
	// Rows ends a segment. Zero: 2048.
	Rows int
	// Age ends a segment at the first look, of five in that time, that finds it so old: its first
	// row may wait for a fifth longer. Zero: 5 s.
	Age time.Duration
	// Buffer is how many rows may wait for the writer. Zero: 8192.
	Buffer int
	// Timeout bounds each attempt to store a segment. Zero: 30 s.
	Timeout time.Duration
	// Dropped is told how many rows found no place. May be nil.
	Dropped func(rows int)
	Logger  *slog.Logger // nil: slog.Default
}

// Log gathers the rows of requests and writes segments. Run does the writing.
type Log struct {
	cfg     Config
	dropped atomic.Int64
	enough  chan struct{} // so many wait that the writer should not wait for its next tick

	mu       sync.Mutex
	requests []Request
	waiting  int // rows of the requests

	// The rest belongs to Run.
	spare   []Request // has room for requests, and holds none
	open    map[stream]*segment
	sealed  []sealed
	seq     int64
	failing bool
}

type stream struct{ model, version string }

// sealed is a segment that changes no more: it is stored under this number or not at all.
type sealed struct {
	fact  catalog.Segment // without Digest
	bytes []byte
}

// few rows waiting are enough to wake the writer: what waits holds on to whole requests, of which the
// log keeps a small part. Waking it for each would cost a good part of what a small model takes.
const few = 256

// New returns a Log; nothing is written before Run.
func New(cfg Config) (*Log, error) {
	if cfg.Gateway == "" || cfg.Blobs == nil || cfg.Ledger == nil {
		return nil, errors.New("prediction log: Gateway, Blobs and Ledger are required")
	}
	if cfg.Rows <= 0 {
		cfg.Rows = 2048
	}
	if cfg.Age <= 0 {
		cfg.Age = 5 * time.Second
	}
	if cfg.Buffer <= 0 {
		cfg.Buffer = 8192
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Dropped == nil {
		cfg.Dropped = func(int) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Log{cfg: cfg, enough: make(chan struct{}, 1), open: map[stream]*segment{}}, nil
}

// Add takes the rows of a request, or drops them all if the buffer is full. The log's rows are made
// of them when they are written, so what the request refers to must not change any more. Add never blocks and never fails.
func (l *Log) Add(r *Request) {
	rows := r.rows()
	if rows == 0 {
		return
	}
	l.mu.Lock()
	if l.waiting+rows > l.cfg.Buffer {
		l.mu.Unlock()
		l.drop(rows)
		return
	}
	l.waiting += rows
	l.requests = append(l.requests, *r)
	l.requests[len(l.requests)-1].count = rows
	wake := l.waiting >= min(few, l.cfg.Rows, l.cfg.Buffer/2)
	l.mu.Unlock()
	if wake {
		select {
		case l.enough <- struct{}{}:
		default:
		}
	}
}

// taken are the requests that wait, which do so no longer.
func (l *Log) taken() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests := l.requests
	l.requests = l.spare
	l.waiting = 0
	return requests
}

func (l *Log) drop(rows int) {
	l.dropped.Add(int64(rows))
	l.cfg.Dropped(rows)
}

// Dropped is the number of rows that found no place so far.
func (l *Log) Dropped() int64 { return l.dropped.Load() }

// Run writes segments until ctx ends. Then it writes what was added before,
// within the grace given, and returns an error if some of it could not be stored.
func (l *Log) Run(ctx context.Context, grace time.Duration) error {
	tick := time.NewTicker(max(l.cfg.Age/5, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.finish(context.WithoutCancel(ctx), grace)
		case <-l.enough:
			l.gather()
		case now := <-tick.C:
			l.gather()
			for key, s := range l.open {
				if now.Sub(s.began) >= l.cfg.Age {
					l.seal(key)
				}
			}
		}
		l.write(ctx)
	}
}

// gather adds what waits to the segments of its versions and seals those that are full.
func (l *Log) gather() {
	requests := l.taken()
	for i := range requests {
		l.add(&requests[i])
	}
	clear(requests)
	l.spare = requests[:0]
}

func (l *Log) add(r *Request) {
	key := stream{r.Layout.Model, r.Layout.Version}
	for from := 0; from < r.count; {
		s, ok := l.open[key]
		if !ok {
			s = newSegment()
			l.open[key] = s
		}
		to := min(r.count, from+l.cfg.Rows-s.rows)
		s.add(r, from, to)
		from = to
		if s.full(l.cfg.Rows) {
			l.seal(key)
		}
	}
}

// finish writes everything that was added.
func (l *Log) finish(ctx context.Context, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	l.gather()
	for key := range l.open {
		l.seal(key)
	}
	l.write(ctx)
	if len(l.sealed) > 0 {
		lost := int64(0)
		for _, s := range l.sealed {
			lost += s.fact.Rows
		}
		return fmt.Errorf("prediction log: the last %d records could not be stored in time: %w", lost, ctx.Err())
	}
	return nil
}

// seal fixes the bytes and the number of a version's segment.
func (l *Log) seal(key stream) {
	s := l.open[key]
	delete(l.open, key)
	b, err := encode(s)
	if err != nil { // the rows themselves are at fault: trying again can't help
		l.cfg.Logger.Error("records of the prediction log can't be written and are dropped", "model", key.model, "version", key.version, "records", s.rows, "error", err)
		l.drop(s.rows)
		return
	}
	l.seq++
	l.sealed = append(l.sealed, sealed{bytes: b, fact: catalog.Segment{
		Gateway: l.cfg.Gateway, Seq: l.seq, Model: key.model, Version: key.version, From: s.from, To: s.to, Rows: int64(s.rows),
	}})
}

// write stores the sealed segments, trying until all are stored or ctx ends.
// Meanwhile requests wait in the buffer.
func (l *Log) write(ctx context.Context) {
	pause := 100 * time.Millisecond
	for len(l.sealed) > 0 {
		err := l.store(ctx, l.sealed[0].fact, l.sealed[0].bytes)
		l.note(err)
		if err == nil {
			l.sealed = l.sealed[1:]
			pause = 100 * time.Millisecond
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 10*time.Second)
	}
}

func (l *Log) store(ctx context.Context, fact catalog.Segment, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	ref, err := l.cfg.Blobs.PutBytes(ctx, b, MediaType)
	if err != nil {
		return fmt.Errorf("store segment %d of the prediction log: %w", fact.Seq, err)
	}
	fact.Digest = string(ref.Digest)
	return l.cfg.Ledger.AddSegment(ctx, fact)
}

// note logs once when storing begins to fail and once when it works again.
func (l *Log) note(err error) {
	switch {
	case err != nil && !l.failing:
		l.cfg.Logger.Warn("the prediction log can't be stored, trying again", "error", err)
	case err == nil && l.failing:
		l.cfg.Logger.Info("the prediction log is stored again", "dropped", l.dropped.Load())
	}
	l.failing = err != nil
}
