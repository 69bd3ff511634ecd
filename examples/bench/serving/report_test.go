package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// steady is a figure of equal windows.
func steady(rate float64, p50 time.Duration) figure {
	w := window{rate: rate, p50: p50, p95: 2 * p50, p99: 3 * p50}
	return figure{windows: []window{w, w}}
}

// TestVerdict says what is met, what is missed, and that what is not there is neither.
func TestVerdict(t *testing.T) {
	t.Parallel()
	f := floor{any: pace{2000, 128, 1}, allowed: pace{1000, 32, 1}}
	for name, c := range map[string]struct {
		line    line
		verdict verdict
		ratio   string
	}{
		"many enough":      {many("x", steady(500, 1), "peer", steady(100, 1), 5), met, "5.0 × as many"},
		"too few":          {many("x", steady(499, 1), "peer", steady(100, 1), 5), missed, "5.0 × as many"},
		"peer not there":   {many("x", steady(500, 1), "peer", figure{absent: "not installed"}, 5), notCompared, ""},
		"no target":        {many("x", steady(500, 1), "peer", steady(1000, 1), 0), open, "0.50 × as many"},
		"little added":     {added("x", steady(1, 230*time.Microsecond), steady(1, 90*time.Microsecond), steady(1, 100*time.Microsecond), 150*time.Microsecond), met, "+ 130 µs, 90 µs of which an empty handler takes"},
		"much added":       {added("x", steady(1, 260*time.Microsecond), steady(1, 90*time.Microsecond), steady(1, 100*time.Microsecond), 150*time.Microsecond), missed, "+ 160 µs, 90 µs of which an empty handler takes"},
		"near the floor":   {share("x", steady(850, 1), steady(1000, 1), f, 0.85), met, "85 % of it (42 % of any batch's)"},
		"under the floor":  {share("x", steady(849, 1), steady(1000, 1), f, 0.85), missed, "85 % of it (42 % of any batch's)"},
		"within":           {within("x", "", "a batch", time.Second, 2, 2), met, "2.00 × as long"},
		"beyond":           {within("x", "", "a batch", time.Second, 3, 2), missed, "3.00 × as long"},
		"p99 soon":         {waited("x", steady(1, time.Second), 64, steady(1, 2*time.Second), 2), met, "1.50 × as long"},
		"p99 late":         {waited("x", steady(1, time.Second), 64, steady(1, time.Second), 2), missed, "3.00 × as long"},
		"memory is flat":   {flatMemory("x", resident{90, 95, 100, 101, 100, 100, 100, 100, 105, 105}), met, "+5.0 %"},
		"memory grows":     {flatMemory("x", resident{90, 95, 100, 101, 102, 103, 104, 105, 106, 107}), missed, "+7.0 %"},
		"nothing measured": {many("x", figure{absent: "failed"}, "peer", steady(1, 1), 5), notCompared, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.verdict, c.line.verdict)
			require.Equal(t, c.ratio, c.line.ratio)
		})
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printTable(&out, "full", []line{
		many("risk", steady(500, time.Millisecond), "Flask", steady(100, 20*time.Millisecond), 5),
		many("risk", steady(500, time.Millisecond), "MLServer", figure{absent: "failed: no\nroom | left"}, 5),
	})
	require.Contains(t, out.String(), "| risk | 500/s; p50 1 ms, p95 2 ms, p99 3 ms | Flask | 100/s; p50 20 ms, p95 40 ms, p99 60 ms | 5.0 × as many | 5 × as many | met |\n")
	require.Contains(t, out.String(), "failed: no room / left")
	require.Contains(t, out.String(), "Targets missed: 0; not compared: 1.")
}

// TestMoved tells the slowest and the fastest slice of each floor.
func TestMoved(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printMoved(&out, map[string][]window{"network": {{rate: 3000}, {rate: 2000}, {rate: 2500}}, "mnist": {{rate: 7}}})
	require.Equal(t, "The floor of mnist moved within the run: 7 to 7 rows/s, 1.00 ×, in 1 slices.\n"+
		"The floor of network moved within the run: 2000 to 3000 rows/s, 1.50 ×, in 3 slices.\n", out.String())
}

// TestRestless names a server that takes a hundredth of a processor or more while others are measured.
func TestRestless(t *testing.T) {
	t.Parallel()
	f := steady(100, time.Millisecond)
	f.away, f.idle = 10*time.Second, 90*time.Millisecond
	require.Equal(t, "100/s; p50 1 ms, p95 2 ms, p99 3 ms", f.String())
	f.idle = 250 * time.Millisecond
	require.Equal(t, "100/s; p50 1 ms, p95 2 ms, p99 3 ms; not idle between its turns: 2.5 % of a processor", f.String())
}

// TestCombined adds up what a row costs: 2 ms of two cores at 1,000 rows/s, 1.5 ms of the handler and 0.5 ms of the load.
func TestCombined(t *testing.T) {
	t.Parallel()
	protocol := figure{windows: []window{{rate: 1, cpu: 1500 * time.Microsecond, load: 500 * time.Microsecond}, {rate: 1, cpu: 1500 * time.Microsecond, load: 500 * time.Microsecond}}}
	l := combined("x", steady(400, 1), protocol, steady(1000, 1), 2)
	require.Equal(t, "500 rows/s: 2 ms + 1.5 ms + 500 µs of CPU a row on 2 cores", l.theirs)
	require.Equal(t, "80 % of it", l.ratio)
	require.Equal(t, open, l.verdict)
}

// TestReply is read as the answer that it was made of, in both forms.
func TestReply(t *testing.T) {
	t.Parallel()
	m := model{name: "m", outputs: []onnx.Info{{Name: "label", Type: onnx.Int64, Shape: []int64{-1}}, {Name: "probabilities", Type: onnx.Float32, Shape: []int64{-1, 2}}}}
	want := answer{"label": {-7}, "probabilities": {0.25, 0.75}}
	text, message, err := m.reply(want)
	require.NoError(t, err)
	got, err := readProtocol(text)
	require.NoError(t, err)
	require.NoError(t, want.same(got))
	var r pb.ModelInferResponse
	require.NoError(t, proto.Unmarshal(message, &r))
	require.NoError(t, want.same(readMessage(&r)))
	require.Equal(t, []int64{1, 2}, r.GetOutputs()[1].GetShape())
}

// TestAnswers reads the same numbers from every form of answer and tells what differs.
func TestAnswers(t *testing.T) {
	t.Parallel()
	want := answer{"label": {7}, "probabilities": {0.25, 0.75}}
	protocol, err := readProtocol([]byte(`{"model_name":"m","outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[7]},{"name":"probabilities","shape":[1,2],"data":[[0.25,0.75]]}]}`))
	require.NoError(t, err)
	require.NoError(t, want.same(protocol))
	plain, err := readPlain([]byte(`{"label":[7],"probabilities":[[0.25,0.75]]}`))
	require.NoError(t, err)
	require.NoError(t, want.same(plain))
	require.ErrorContains(t, want.same(answer{"label": {8}, "probabilities": {0.25, 0.75}}), "output label: number 0 is 8, want 7")
	require.ErrorContains(t, want.same(answer{"probabilities": {0.25, 0.75}}), "output label has 0 numbers, want 1")
}
