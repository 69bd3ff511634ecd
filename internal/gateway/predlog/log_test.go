package predlog

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/feature"
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
		rows, err := decode(context.Background(), b)
		if err == nil {
			window(rows)
		}
	})
}
