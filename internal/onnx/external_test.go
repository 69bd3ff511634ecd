package onnx_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slipway-ml/slipway/internal/onnx"
)

func external(name string) string { return filepath.Join("testdata", "external", name) }

// Models as onnx.save_model wrote them answer, merged, as the ones in one file do.
func TestMergeAnswersAsTheWholeModel(t *testing.T) {
	t.Parallel()
	r := start(t)
	for name, source := range map[string]string{
		"one_file": "good", "file_each": "good", "folder": "good", "attributes": "subgraph", "constants": "constants",
	} {
		model, err := os.ReadFile(filepath.Join(external(name), "model.onnx"))
		require.NoError(t, err)
		_, err = onnx.ReadGraph(model)
		require.ErrorContains(t, err, "model.external_data", name)

		var merged bytes.Buffer
		require.NoError(t, onnx.Merge(&merged, model, os.DirFS(external(name))), name)
		require.Equal(t, graph(t, source).ParameterCount(), readGraph(t, merged.Bytes()).ParameterCount(), name)
		got, err := r.Open(merged.Bytes(), onnx.Options{Device: onnx.DeviceCPU, Threads: 1})
		require.NoError(t, err, name)
		answers, err := got.Run(t.Context(), x(7))
		require.NoError(t, err)
		require.NoError(t, got.Close())
		want, err := open(t, source).Run(t.Context(), x(7))
		require.NoError(t, err)
		require.Equal(t, want, answers, name)

		var again bytes.Buffer
		require.NoError(t, onnx.Merge(&again, merged.Bytes(), fstest.MapFS{}))
		require.True(t, bytes.Equal(merged.Bytes(), again.Bytes()), "a model in one file stays as it is")
	}
}

func readGraph(t *testing.T, model []byte) *onnx.Graph {
	t.Helper()
	g, err := onnx.ReadGraph(model)
	require.NoError(t, err)
	return g
}

func TestExternalFiles(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"one_file": {"one_file.onnx.data"}, "folder": {"weights/all.bin"}, "file_each": {"w1", "b1", "w2", "b2"},
	} {
		model, err := os.ReadFile(filepath.Join(external(name), "model.onnx"))
		require.NoError(t, err)
		got, err := onnx.ExternalFiles(model)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := onnx.ExternalFiles(read(t, "good"))
	require.NoError(t, err)
	require.Empty(t, got)
	_, err = onnx.ExternalFiles([]byte("no model"))
	require.ErrorIs(t, err, onnx.ErrInvalidModel)
}

// outside is a model with a tensor of shape [2,3] whose numbers are in another file.
func outside(kind uint64, place map[string]string) []byte {
	var tensor []byte
	for _, d := range []uint64{2, 3} {
		tensor = protowire.AppendVarint(protowire.AppendTag(tensor, 1, protowire.VarintType), d)
	}
	tensor = protowire.AppendVarint(protowire.AppendTag(tensor, 2, protowire.VarintType), kind)
	tensor = text(tensor, 8, "w")
	for key, value := range place {
		tensor = text(tensor, 13, string(text(text(nil, 1, key), 2, value)))
	}
	tensor = protowire.AppendVarint(protowire.AppendTag(tensor, 14, protowire.VarintType), 1)
	return text(nil, 7, string(text(nil, 5, string(tensor))))
}

func text(to []byte, id protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(to, id, protowire.BytesType), s)
}

const float = 1

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	inside := filepath.Join(folder, "model")
	require.NoError(t, os.MkdirAll(filepath.Join(inside, "folder"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(inside, "w.bin"), make([]byte, 24), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secret"), make([]byte, 24), 0o600))
	require.NoError(t, os.Symlink("../secret", filepath.Join(inside, "link")))
	root, err := os.OpenRoot(inside)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })

	for name, c := range map[string]struct {
		kind   uint64
		place  map[string]string
		reason string
	}{
		"parent":          {float, map[string]string{"location": "../secret"}, "no name of a file in the model's folder"},
		"parent within":   {float, map[string]string{"location": "folder/../../secret"}, "no name of a file in the model's folder"},
		"absolute":        {float, map[string]string{"location": "/etc/passwd"}, "no name of a file in the model's folder"},
		"no location":     {float, nil, "no name of a file in the model's folder"},
		"folder itself":   {float, map[string]string{"location": "."}, "no name of a file in the model's folder"},
		"link out":        {float, map[string]string{"location": "link"}, "escapes"},
		"a folder":        {float, map[string]string{"location": "folder"}, "no regular file"},
		"missing":         {float, map[string]string{"location": "none.bin"}, "no such file"},
		"zero byte":       {float, map[string]string{"location": "w\x00.bin"}, "invalid"},
		"length too long": {float, map[string]string{"location": "w.bin", "length": "28"}, "takes 24 bytes, the model says 28"},
		"length short":    {float, map[string]string{"location": "w.bin", "length": "20"}, "takes 24 bytes, the model says 20"},
		"offset":          {float, map[string]string{"location": "w.bin", "offset": "4", "length": "24"}, "24 bytes from byte 4 of w.bin are asked for, the file has 24"},
		"huge offset":     {float, map[string]string{"location": "w.bin", "offset": "9223372036854775807"}, "the file has 24"},
		"negative":        {float, map[string]string{"location": "w.bin", "offset": "-8"}, `offset "-8" is no number`},
		"not a number":    {float, map[string]string{"location": "w.bin", "length": "all"}, `length "all" is no number`},
		"short file":      {11, map[string]string{"location": "w.bin"}, "48 bytes from byte 0 of w.bin are asked for, the file has 24"},
		"text":            {8, map[string]string{"location": "w.bin"}, "cannot be kept outside"},
		"unknown type":    {99, map[string]string{"location": "w.bin"}, "cannot be kept outside"},
	} {
		var out bytes.Buffer
		err := onnx.Merge(&out, outside(c.kind, c.place), root.FS())
		require.ErrorIs(t, err, onnx.ErrExternal, name)
		require.ErrorIs(t, err, onnx.ErrInvalidModel, name)
		require.ErrorContains(t, err, c.reason, name)
		require.Zero(t, out.Len(), name)
	}
	var out bytes.Buffer
	require.NoError(t, onnx.Merge(&out, outside(float, map[string]string{"location": "./w.bin"}), root.FS()), "length and offset may be left out")
	require.ErrorIs(t, onnx.Merge(&out, []byte("no model"), root.FS()), onnx.ErrInvalidModel)
}

// A model larger than ONNX's format allows is refused before a byte is written.
func TestMergeIsBounded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "large.bin"), nil, 0o600))
	require.NoError(t, os.Truncate(filepath.Join(folder, "large.bin"), 1<<30)) // a hole, of no size on the disk
	tensor := func(rows uint64) (out []byte) {
		for _, d := range []uint64{rows, 1 << 13} {
			out = protowire.AppendVarint(protowire.AppendTag(out, 1, protowire.VarintType), d)
		}
		out = protowire.AppendVarint(protowire.AppendTag(out, 2, protowire.VarintType), float)
		out = text(out, 13, string(text(text(nil, 1, "location"), 2, "large.bin")))
		return protowire.AppendVarint(protowire.AppendTag(out, 14, protowire.VarintType), 1)
	}
	for name, tensors := range map[string][]byte{
		"one tensor": text(nil, 5, string(tensor(1<<16))), "two tensors": text(text(nil, 5, string(tensor(1<<15))), 5, string(tensor(1<<15))),
	} {
		var out bytes.Buffer
		err := onnx.Merge(&out, text(nil, 7, string(tensors)), os.DirFS(folder))
		require.ErrorIs(t, err, onnx.ErrExternal, name)
		require.ErrorContains(t, err, "one ONNX file holds at most 2147483647", name)
		require.Zero(t, out.Len(), name)
	}
}

type brokenWriter struct{}

var errDiskFull = errors.New("no space left on device")

func (brokenWriter) Write([]byte) (int, error) { return 0, errDiskFull }

func TestMergeTellsOfAFailedWrite(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, onnx.Merge(brokenWriter{}, read(t, "good"), fstest.MapFS{}), errDiskFull)
}

// FuzzMerge: whatever the bytes, Merge returns; what it wrote is a model in one file of the same numbers.
func FuzzMerge(f *testing.F) {
	for _, name := range []string{"one_file", "file_each", "attributes"} {
		b, err := os.ReadFile(filepath.Join(external(name), "model.onnx"))
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add(read(f, "good"))
	f.Add(outside(float, map[string]string{"location": "w", "offset": "0", "length": "24"}))
	folder := f.TempDir()
	numbers := binary.LittleEndian.AppendUint64(nil, 1)
	for _, name := range []string{"one_file.onnx.data", "w", "w1", "b1", "w2", "b2", "attributes.data"} {
		require.NoError(f, os.WriteFile(filepath.Join(folder, name), bytes.Repeat(numbers, 40), 0o600))
	}
	files := os.DirFS(folder)
	f.Fuzz(func(t *testing.T, model []byte) {
		var out bytes.Buffer
		if err := onnx.Merge(&out, model, files); err != nil {
			require.Zero(t, out.Len(), "nothing is written of a model that does not fit")
			return
		}
		left, err := onnx.ExternalFiles(out.Bytes())
		require.NoError(t, err)
		require.Empty(t, left)
	})
}
