package predlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
)

const patience = 10 * time.Second

// ledger keeps segments as the catalog does, and loses replies when told to.
type ledger struct {
	*artifacts.Store
	segments []catalog.Segment
	down     atomic.Bool
	tries    atomic.Int64
}

func (l *ledger) AddSegment(_ context.Context, s catalog.Segment) error {
	l.tries.Add(1)
	known := false
	for _, old := range l.segments {
		known = known || old.Seq == s.Seq
	}
	if !known {
		l.segments = append(l.segments, s)
	}
	if l.down.Load() {
		return errors.New("reply lost")
	}
	return nil
}

func newLedger(t testing.TB) *ledger {
	t.Helper()
	s, err := artifacts.Open(context.Background(), "mem://")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &ledger{Store: s}
}

var layout = &Layout{Model: "m", Version: "1", Columns: []string{"amount", "purpose", "own", "sex", "gone"}, Sensitive: []string{"sex"}}

func request(i int) *Request {
	label := int64(1)
	return &Request{
		Layout: layout, Time: time.UnixMicro(int64(1000 * i)).UTC(), ID: fmt.Sprint("r", i), LatencyMS: 1.5,
		Rows:        []map[string]any{{"amount": float64(i), "purpose": "car", "own": i%2 == 0, "sex": "f", "gone": nil, "other": 1.0}},
		Predictions: []feature.Prediction{{Label: &label, Probabilities: []float64{1 - float64(i)/100, float64(i) / 100}}},
	}
}

func TestLogRoundTrip(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	log, err := New(Config{Gateway: "g", Blobs: l, Ledger: l, Rows: 30, Age: time.Hour})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx, patience) }()
	for i := range 100 {
		log.Add(request(i))
	}
	failed := request(100)
	failed.Predictions, failed.Error = nil, "model failed"
	failed.Rows = []map[string]any{{"amount": "n/a"}}
	log.Add(failed)
	cancel()
	require.NoError(t, <-done)
	require.Len(t, l.segments, 4)
	require.Equal(t, int64(30), l.segments[0].Rows)

	w, err := Read(context.Background(), l, l.segments, failed.Time, 1000)
	require.NoError(t, err)
	require.Equal(t, 100, w.Rows(), "the row at until is not before it")
	require.Equal(t, "1", w.Prediction[7])
	require.InDelta(t, 0.93, w.Probability[7], 1e-12, "of the label")
	require.Equal(t, request(7).Time, w.Time[7])
	require.NotContains(t, w.Features, "sex")
	require.NotContains(t, w.Features, "other", "what the model does not take")
	require.Equal(t, "42", w.Features["amount"].Strings[42], "text in one row is text in all")
	require.Equal(t, "car", w.Features["purpose"].Strings[99])
	require.Equal(t, []float64{1, 0}, w.Features["own"].Numbers[:2])

	w, err = Read(context.Background(), l, l.segments, time.Now(), 2)
	require.NoError(t, err)
	require.Equal(t, 2, w.Rows(), "the newest")
	require.Equal(t, 1, w.Errors())
	require.Len(t, w.GoodLatencies(), 1)
	require.Equal(t, []string{"99", "n/a"}, w.Features["amount"].Strings)

	w, err = Read(context.Background(), l, l.segments[:3], time.Now(), 1000)
	require.NoError(t, err)
	require.Equal(t, 42.0, w.Features["amount"].Numbers[42])
}

// Rows whose features do not fit are in the log, counted, and said once of a version.
func TestLogOfBareRows(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	var said bytes.Buffer
	bare := 0
	log, err := New(Config{Gateway: "g", Blobs: l, Ledger: l, Bare: func(n int) { bare += n }, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	require.NoError(t, err)
	label := int64(1)
	for i := range 3 {
		log.Add(&Request{
			Layout: &Layout{Model: "m", Version: "1"}, Time: time.UnixMicro(int64(i)), Predictions: []feature.Prediction{{Label: &label}, {Label: &label}},
			Tensors: []onnx.Tensor{{Name: "in", Type: onnx.Float32, Shape: []int64{2, 3, 224, 224}, Floats: make([]float32, 2*3*224*224)}},
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, log.Run(ctx, patience))
	require.Equal(t, 6, bare)
	require.Equal(t, 1, strings.Count(said.String(), "rows without features"))
	w, err := Read(context.Background(), l, l.segments, time.Now(), 1000)
	require.NoError(t, err)
	require.Equal(t, []string{"1", "1", "1", "1", "1", "1"}, w.Prediction)
	require.Empty(t, w.Features)
}

// A large request of wide rows is taken in steps, so that its segments are as small as any.
func TestLogOfLargeRequests(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	log, err := New(Config{Gateway: "g", Blobs: l, Ledger: l})
	require.NoError(t, err)
	const rows, width = 1200, MaxColumns
	log.Add(&Request{Layout: &Layout{Model: "m", Version: "1"}, Tensors: []onnx.Tensor{{
		Name: "in", Type: onnx.Float32, Shape: []int64{rows, 128, width / 128}, Floats: make([]float32, rows*width),
	}}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, log.Run(ctx, 10*patience))
	require.Len(t, l.segments, 2)
	require.EqualValues(t, maxHeld/4/width, l.segments[0].Rows)
}

// While rows come the log rests between slices, and it takes no new memory for the next segment.
func TestLogRests(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	log, err := New(Config{Gateway: "g", Blobs: l, Ledger: l, Rows: 256, Age: time.Hour, Buffer: 1 << 20})
	require.NoError(t, err)
	slices := 0
	log.pace.worked = func(time.Duration) { slices++ }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx, patience) }()
	in := onnx.Tensor{Name: "in", Type: onnx.Float32, Shape: []int64{256, 784}}
	for i := range 256 * 784 {
		in.Floats = append(in.Floats, float32(i))
	}
	for range 8 {
		before := l.tries.Load()
		log.Add(&Request{Layout: &Layout{Model: "m", Version: "1"}, Tensors: []onnx.Tensor{in}})
		require.Eventually(t, func() bool { return l.tries.Load() > before }, patience, time.Millisecond)
	}
	cancel()
	require.NoError(t, <-done)
	require.Len(t, l.segments, 8)
	require.Positive(t, slices)
	require.NotEmpty(t, log.memory, "of the segment before")
	require.NotEmpty(t, log.open[stream{"m", "1"}].oldBlock.floats.free, "its tiles")
	log.age(time.Now().Add(2 * time.Hour))
	require.Empty(t, log.open, "a version that is not asked")
	require.Nil(t, log.memory)
}

// Rows of segments that differ in their columns, and in the types of these, are put together by time.
func TestWindow(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	columns := &Layout{Model: "m", Version: "1", Columns: []string{"a", "b", "c"}}
	segment := func(seq int64, at int64, rows ...map[string]any) catalog.Segment {
		s := newSegment(func() {})
		for i, row := range rows {
			gather(s, &Request{Layout: columns, Time: time.UnixMicro(at + 10*int64(i)), Rows: []map[string]any{row}, LatencyMS: float64(at)})
		}
		ref, err := l.PutBytes(context.Background(), (&encoder{}).encode(s, nil), MediaType)
		require.NoError(t, err)
		return catalog.Segment{Gateway: "g", Seq: seq, Digest: string(ref.Digest)}
	}
	segments := []catalog.Segment{
		segment(1, 5, map[string]any{"a": 1.5, "b": 2.0}, map[string]any{"a": nil, "b": 3.0}),
		segment(2, 0, map[string]any{"a": "word", "c": 4.0}, map[string]any{"a": "1.5"}, map[string]any{"a": nil}),
	}
	w, err := Read(context.Background(), l, segments, time.UnixMicro(20).Add(time.Nanosecond), 10)
	require.NoError(t, err)
	require.Equal(t, []float64{0, 5, 0, 5, 0}, w.LatencyMS)
	require.Equal(t, []string{"word", "1.5", "1.5", "", ""}, w.Features["a"].Strings)
	nan := math.NaN()
	require.Equal(t, fmt.Sprint([]float64{nan, 2, nan, 3, nan}), fmt.Sprint(w.Features["b"].Numbers))
	require.Equal(t, fmt.Sprint([]float64{4, nan, nan, nan, nan}), fmt.Sprint(w.Features["c"].Numbers))
	w, err = Read(context.Background(), l, segments, time.UnixMicro(20), 2)
	require.NoError(t, err)
	require.Equal(t, []float64{0, 5}, w.LatencyMS, "the newest before")
	w, err = Read(context.Background(), l, segments[:1], time.UnixMicro(20), 10)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint([]float64{1.5, nan}), fmt.Sprint(w.Features["a"].Numbers))
	w, err = Read(context.Background(), l, segments, time.UnixMicro(0), 10)
	require.NoError(t, err)
	require.Empty(t, w.Features, "nothing of segments of which no row is taken")
}

func TestLogTriesAgainUnderTheSameNumber(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.down.Store(true)
	log, err := New(Config{Gateway: "g", Blobs: l, Ledger: l, Rows: 10, Age: time.Hour, Buffer: 20})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx, patience) }()
	for i := range 10 {
		log.Add(request(i))
	}
	require.Eventually(t, func() bool { return l.tries.Load() > 0 }, patience, time.Millisecond)
	for i := range 50 { // the writer is stuck: the buffer takes 20
		log.Add(request(10 + i))
	}
	require.Equal(t, int64(30), log.Dropped())
	l.down.Store(false)
	cancel()
	require.NoError(t, <-done)
	w, err := Read(context.Background(), l, l.segments, time.Now(), 1000)
	require.NoError(t, err)
	require.Equal(t, 30, w.Rows(), "nothing lost beyond the buffer, nothing twice")
}

func TestLogSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.down.Store(true)
	log, err := New(Config{Gateway: "g", Blobs: l, Ledger: l})
	require.NoError(t, err)
	log.Add(request(1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorContains(t, log.Run(ctx, 10*time.Millisecond), "the last 1 records could not be stored")
}

func TestReadRefusesWhatIsNoSegment(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	ref, err := l.PutBytes(context.Background(), []byte("PAR1 not really PAR1"), MediaType)
	require.NoError(t, err)
	for _, digest := range []string{string(ref.Digest), "sha256:00", string(artifacts.DigestOf([]byte("missing")))} {
		_, err = Read(context.Background(), l, []catalog.Segment{{Gateway: "g", Seq: 3, Digest: digest}}, time.Now(), 10)
		require.ErrorContains(t, err, "segment g/3")
	}
}

func FuzzDecode(f *testing.F) {
	s := newSegment(func() {})
	gather(s, request(1))
	gather(s, request(2))
	f.Add((&encoder{}).encode(s, nil))
	f.Add([]byte("PAR1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := decode(context.Background(), b); err == nil {
			rows := make([]place, len(p.times))
			for i := range rows {
				rows[i].row = i
			}
			window([]part{p}, rows)
		}
	})
}
