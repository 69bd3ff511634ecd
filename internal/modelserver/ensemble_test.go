package modelserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/ensemble"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// packEnsemble packs a document whose members have the given bytes.
func packEnsemble(t testing.TB, document string, members map[string][]byte) []byte {
	t.Helper()
	d, err := ensemble.Parse([]byte(document))
	require.NoError(t, err)
	for i := range d.Steps {
		m := &d.Steps[i].Model
		require.Contains(t, members, m.String())
		sum := sha256.Sum256(members[m.String()])
		m.Digest = "sha256:" + hex.EncodeToString(sum[:])
	}
	var out bytes.Buffer
	require.NoError(t, ensemble.Pack(&out, d, func(m ensemble.Member) (io.ReadCloser, int64, error) {
		m.Digest = ""
		b := members[m.String()]
		return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
	}))
	return out.Bytes()
}

// A member that breaks or hangs does so to those calls that need it, which say so; the other
// members' processes stay, and the broken one is started again.
func TestEnsembleOfHostileMembers(t *testing.T) {
	t.Parallel()
	own, err := NewONNX(quick(t))
	require.NoError(t, err)
	runtime, err := Select(own, quick(t), nil)
	require.NoError(t, err)
	for _, trick := range []string{"crash", "panic", "garbage", "hang"} {
		t.Run(trick, func(t *testing.T) {
			t.Parallel()
			// x becomes x + 1 in the first step, and what the second makes of poison is its trick.
			m := load(t, runtime, packEnsemble(t, fmt.Sprintf(`kind: ensemble
steps:
  - {name: first, model: {name: exit, version: "1"}}
  - {name: second, model: {name: %s, version: "1"}, inputs: {x: first.y}}
outputs: [{name: y, from: second.y}]`, trick), map[string][]byte{"exit/1": []byte("first"), trick + "/1": []byte("second")}), named("e"))
			out, err := m.Infer(t.Context(), column(1, 2))
			require.NoError(t, err)
			require.Equal(t, []float32{3, 4}, out[0].Floats)
			before := processOf(t, m)
			require.Len(t, before.Members, 2)

			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if trick == "hang" { // the call ends with who waits for it
				var leave context.CancelFunc
				ctx, leave = context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer leave()
			}
			_, err = m.Infer(ctx, column(poison-1))
			require.ErrorContains(t, err, "step second ("+trick+"/1): ")
			if trick == "hang" {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			} else {
				require.ErrorIs(t, err, serving.ErrNotReady)
			}
			require.Eventually(t, func() bool {
				out, err := m.Infer(t.Context(), column(5))
				after := processOf(t, m)
				return err == nil && out[0].Floats[0] == 7 && after.Members[1].Restarts == 1 && after.Down == ""
			}, patience, time.Millisecond)
			after := processOf(t, m)
			require.Equal(t, before.Members[0].PID, after.Members[0].PID)
			require.NotEqual(t, before.Members[1].PID, after.Members[1].PID)
		})
	}
}

// With a large member an ensemble's batches run side by side too, and answer as those that have all threads.
func TestLargeEnsembleSideBySide(t *testing.T) {
	t.Parallel()
	cfg := Config{Device: onnx.DeviceCPU, Narrow: true}
	own, err := NewONNX(cfg)
	require.NoError(t, err)
	runtime, err := Select(own, cfg, nil)
	require.NoError(t, err)
	large := enlarged(example(t))
	m := load(t, runtime, packEnsemble(t, `kind: ensemble
steps:
  - {name: large, model: {file: large}}
  - {name: small, model: {file: small}}
  - {name: mean, model: {file: mean}, inputs: {first: large.probabilities, second: small.probabilities}}
outputs: [{name: probabilities, from: mean.probabilities}]`,
		map[string][]byte{"large": large, "small": example(t), "mean": read(t, "../../examples/ensemble/mean.onnx")}), spec.Model{Name: "e", Version: "1"})
	places := m.(serving.Narrowable).Narrow()
	require.Equal(t, serving.SideBySide(spec.Deployment{}, len(large), serving.Cores(), 0), places)
	in, err := load(t, runtime, large, spec.Model{}).Tensors(exampleRow())
	require.NoError(t, err)
	want, err := m.Infer(t.Context(), in)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range places {
		all.Go(func() {
			got, err := m.Infer(serving.WithOneThread(t.Context()), in)
			assert.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	all.Wait()
}

// BenchmarkEnsemble is what the way through an ensemble costs: two classifiers beside each other and a mean behind them, and one of the classifiers alone.
func BenchmarkEnsemble(b *testing.B) {
	own, err := NewONNX(quick(b))
	require.NoError(b, err)
	runtime, err := Select(own, quick(b), nil)
	require.NoError(b, err)
	wide := read(b, creditRisk+"/models/1.1.0.onnx")
	packed := packEnsemble(b, `kind: ensemble
steps:
  - {name: narrow, model: {file: narrow}}
  - {name: wide, model: {file: wide}}
  - {name: mean, model: {file: mean}, inputs: {first: narrow.probabilities, second: wide.probabilities}}
outputs: [{name: label, from: mean.label}, {name: probabilities, from: mean.probabilities}]`,
		map[string][]byte{"narrow": example(b), "wide": wide, "mean": read(b, "../../examples/ensemble/mean.onnx")})
	row, err := load(b, runtime, wide, spec.Model{}).Tensors(exampleRow())
	require.NoError(b, err)
	rows := make([][]onnx.Tensor, 32)
	for i := range rows {
		rows[i] = row
	}
	for _, c := range []struct {
		name string
		in   []onnx.Tensor
	}{{"1", row}, {"32", onnx.Concat(rows)}} {
		b.Run("member-"+c.name, func(b *testing.B) { infer(b, runtime, wide, c.in) })
		b.Run("ensemble-"+c.name, func(b *testing.B) { infer(b, runtime, packed, c.in) })
	}
}
