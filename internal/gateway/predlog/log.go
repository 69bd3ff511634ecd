package predlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Blobs is where segments' bytes go.
type Blobs interface {
	Put(ctx context.Context, r io.Reader, mediaType string) (artifacts.Ref, error)
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
	// Bare is told how many rows are logged without features, see Request. May be nil.
	Bare   func(rows int)
	Logger *slog.Logger // nil: slog.Default
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
	bare    map[stream]bool // of which it was said that rows are logged without features
	encoder encoder
	memory  []byte // of a segment that is stored, for the next
	pace    *pace
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
	if cfg.Bare == nil {
		cfg.Bare = func(int) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	l := &Log{cfg: cfg, enough: make(chan struct{}, 1), open: map[stream]*segment{}, bare: map[stream]bool{}}
	l.pace = &pace{waits: l.waits}
	l.encoder.file.Pause = l.pace.pause
	return l, nil
}

// Add takes the rows of a request, or drops them all if the buffer is full. The log's rows are made
// of them when they are written, so what the request refers to must not change any more. Add never blocks and never fails.
func (l *Log) Add(r *Request) {
	rows, form := r.measure()
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
	last := &l.requests[len(l.requests)-1]
	last.count, last.form = rows, form
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
			l.pace.begin()
			l.gather()
		case now := <-tick.C:
			l.pace.begin()
			l.gather()
			l.age(now)
		}
		l.write(ctx)
	}
}

// waits tells that so many rows wait that the writer must not rest.
func (l *Log) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting > l.cfg.Buffer/4
}

// age seals the segments that are old enough, and lets go the memory of versions that are not asked.
func (l *Log) age(now time.Time) {
	for key, s := range l.open {
		switch {
		case now.Sub(s.began) < l.cfg.Age:
		case s.rows > 0:
			l.seal(key)
			delete(l.open, key)
		default:
			delete(l.open, key)
		}
	}
	if len(l.open) == 0 {
		l.memory = nil
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
	if r.form == bare {
		l.tell(key, r.count)
	}
	for from := 0; from < r.count; {
		s, ok := l.open[key]
		if !ok {
			s = newSegment(l.pace.pause)
			l.open[key] = s
		}
		to := min(r.count, from+l.cfg.Rows-s.rows, from+r.step())
		s.add(r, from, to)
		from = to
		if s.full(l.cfg.Rows) {
			l.seal(key)
			s.reset()
		}
		l.pace.pause()
	}
}

// tell says of a version, once, that rows are logged without features.
func (l *Log) tell(key stream, rows int) {
	l.cfg.Bare(rows)
	if !l.bare[key] {
		l.bare[key] = true
		l.cfg.Logger.Warn("the prediction log has rows without features: they have more values than it takes, or tensors that differ in their number of rows",
			"model", key.model, "version", key.version, "max_columns", MaxColumns)
	}
}

// finish writes everything that was added.
func (l *Log) finish(ctx context.Context, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	l.pace.last = true
	l.pace.begin()
	l.gather()
	for key, s := range l.open {
		if s.rows > 0 {
			l.seal(key)
			s.reset()
		}
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
	b := l.encoder.encode(s, l.memory)
	l.memory = nil
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
		if err != nil && ctx.Err() != nil {
			return // who ended it knows what is left
		}
		l.note(err)
		if err == nil {
			if b := l.sealed[0].bytes; cap(b) <= maxHeld {
				l.memory = b
			}
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
	ref, err := l.cfg.Blobs.Put(ctx, &paced{left: b, pace: l.pace}, MediaType)
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
