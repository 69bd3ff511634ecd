package gateway

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/gateway/predlog"
	"github.com/slipway-ml/slipway/internal/spec"
)

// logged is what the prediction log has of a model that was registered without a route.
func (w *world) logged(t *testing.T, name string) predlog.Window {
	t.Helper()
	until := time.Now().Add(time.Second)
	segments, err := w.Segments(context.Background(), name, "1", until, 0)
	require.NoError(t, err)
	window, err := predlog.Read(context.Background(), w.store, segments, until, 1000)
	require.NoError(t, err)
	return window
}

// An image is in the log number by number, row-major, whether it came as a tensor or as a list.
func TestLogOfImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t, "image", filepath.Join("testdata", "image", "image.onnx"), spec.Classification)
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	require.Equal(t, 200, g.send(t, "/v2/repository/models/image/load", "{}").status)
	in := wireTensor{Name: "pixels", Datatype: "FP32", Shape: []int64{2, 1, 4, 4}}
	list := make([]float64, 16)
	for i := range 32 {
		in.Raw = binary.LittleEndian.AppendUint32(in.Raw, math.Float32bits(float32(i)/8))
		list[i%16] = float64(i) / 8 // the second
	}
	g.inferBinary(t, "image", []wireTensor{in})
	inferRaw(t, g.inference(t), "image", []wireTensor{in})
	require.Equal(t, 200, g.post(t, map[string]any{"model": "image", "input": list}).status)
	require.NoError(t, g.stop())

	window := w.logged(t, "image")
	require.Equal(t, []string{"3", "3", "3", "3", "3"}, window.Prediction)
	require.Len(t, window.Features, 16)
	for i := range 16 {
		first, second := float64(i)/8, float64(i+16)/8
		require.Equal(t, []float64{first, second, first, second, second}, window.Features[fmt.Sprint(i)].Numbers)
	}
}

// Tensors of which a row has several values are in the log value by value.
func TestLogOfSeveralTensors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := together(answersOf(t)["mixed"])
	w.register(t, "mixed", filepath.Join("testdata", "types", "mixed.onnx"), spec.Classification)
	g := w.start(t, t.TempDir(), func(c *Config) {
		c.ModelControl = true
		c.Sensitive = map[string][]string{"mixed": {"flags"}}
	})
	require.Equal(t, 200, g.send(t, "/v2/repository/models/mixed/load", "{}").status)
	g.inferBinary(t, "mixed", all.Inputs)
	require.NoError(t, g.stop())

	window := w.logged(t, "mixed")
	require.EqualValues(t, all.Inputs[0].Shape[0], window.Rows())
	require.Len(t, window.Features, 4, "flags are sensitive")
	words := 0
	for i, raw := 0, all.Inputs[0].Raw; len(raw) > 0; i++ {
		n := binary.LittleEndian.Uint32(raw)
		require.Equal(t, strings.Clone(string(raw[4:4+n])), window.Features["words"].Strings[i])
		raw = raw[4+n:]
		words++
	}
	require.Equal(t, window.Rows(), words)
	for i, raw := 0, all.Inputs[2].Raw; len(raw) > 0; i, raw = i+1, raw[4:] {
		want := float64(int32(binary.LittleEndian.Uint32(raw))) //nolint:gosec // its bits
		require.Equal(t, want, window.Features[fmt.Sprintf("counts[%d]", i%3)].Numbers[i/3])
	}
}
