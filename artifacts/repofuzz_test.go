package artifacts

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// What is accepted is canonical, in order, and stays below its folder.
func FuzzManifest(f *testing.F) {
	for _, b := range manifests([]Entry{{Path: "a", Size: 1, Digest: DigestOf(nil)}, {Path: "b/%\n", Size: 1 << 60, Digest: DigestOf(nil)}}) {
		f.Add(b)
	}
	f.Add([]byte(leafHeader))
	hash := strings.Repeat("0", 64)
	for _, line := range []string{"0 ../x", "0 /x", "00 x", "-1 x", "0 a//b", "0 %41", "0 a%2", "0 \xff", "0 .", "99999999999999999999 x"} {
		f.Add([]byte(leafHeader + hash + " " + line + "\n"))
	}
	f.Add([]byte(rootHeader + hash + " 1 5 x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, shards, err := parseManifest(b)
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		if shards != nil {
			require.NotEmpty(t, shards)
			return
		}
		again := []byte(leafHeader)
		for _, e := range entries {
			require.True(t, filepath.IsLocal(filepath.FromSlash(e.Path)), "%q", e.Path)
			again = appendEntry(again, e)
		}
		require.Equal(t, string(b), string(again), "there is one spelling")
	})
}

func FuzzChunkList(f *testing.F) {
	l := chunkList{file: sha256.Sum256(nil), size: 5, chunks: []chunk{{sha256.Sum256([]byte("a")), 2}, {sha256.Sum256([]byte("b")), 3}}}
	f.Add(l.encode())
	old := l.encode()
	old[8] = 1
	f.Add(old)
	f.Add(chunkList{}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		// The hash is made right, or nothing would get past it.
		if len(b) >= listHash {
			h := sha256.Sum256(b[:len(b)-listHash])
			b = append(bytes.Clone(b[:len(b)-listHash]), h[:]...)
		}
		var file blobindex.Sum
		if len(b) > 48 {
			copy(file[:], b[16:48])
		}
		l, err := parseList(file, b)
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		var total int64
		for _, c := range l.chunks {
			total += int64(c.size)
		}
		require.Equal(t, l.size, total)
		require.Equal(t, b[8] == 1, l.kind == blobindex.Data)
	})
}

func FuzzPack(f *testing.F) {
	id := strings.Repeat("ab", packIDSize)
	raw := make([]byte, dataKeySize)
	key, err := newPackKey(id, raw)
	require.NoError(f, err)
	frames := []frame{{blob: blobindex.Blob{Sum: sha256.Sum256([]byte("abc")), Size: 3}, data: []byte("abc")}, {blob: blobindex.Blob{Sum: sha256.Sum256(nil)}},
		{blob: blobindex.Blob{Sum: hashOf(blobindex.Chunk, []byte("abc")), Kind: blobindex.Chunk, Size: 3}, data: []byte("abc")}}
	for _, k := range []*packKey{nil, key} {
		f.Add(packOf(id, frames, k))
		f.Add(packOf(id, nil, k))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		blobs, err := parsePack(id, b, func() (*packKey, error) { return key, nil })
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		at := int64(packHeader)
		for _, blob := range blobs {
			require.Equal(t, at, blob.Offset)
			require.LessOrEqual(t, blob.Size, int64(maxBlob))
			at += blob.Stored
		}
		require.LessOrEqual(t, at, int64(len(b)-packTail))
	})
}

// packOf is a pack of frames, encrypted if there is a key.
func packOf(id string, frames []frame, key *packKey) []byte {
	p := startPack(new([]byte))
	for _, f := range frames {
		p.add(f)
	}
	if key == nil {
		b, _ := p.finish(id)
		return b
	}
	b, _ := p.seal(nil, id, key)
	return b
}

func FuzzStats(f *testing.F) {
	f.Add([]byte(statHeader))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, ok := parseStats(b)
		require.Equal(t, ok, files != nil)
	})
}

func FuzzWrappedKey(f *testing.F) {
	f.Add(encodeWrapped([]byte("wrapped")))
	f.Fuzz(func(t *testing.T, b []byte) {
		wrapped, err := parseWrapped(b)
		if err == nil {
			require.Equal(t, b, encodeWrapped(wrapped))
		}
	})
}

// A small frame that says it is enormous does not get the memory it asks for.
func TestDecompressionIsBounded(t *testing.T) {
	t.Parallel()
	r := openRepository(t, openStore(t, "mem://"), blobindex.NewMemory(), Options{})
	bomb := r.codec.enc.EncodeAll(make([]byte, maxBlob+1), nil)
	blob := blobindex.Blob{Encoding: blobindex.Zstd, Size: 100, Stored: int64(len(bomb)), Offset: packHeader, CRC: crcOf(bomb), Pack: newPackID()}
	_, err := r.decode(t.Context(), blob, bomb)
	require.ErrorIs(t, err, ErrDamaged)
	blob.Size = maxBlob + 1
	require.Error(t, checkBlob(blob))
}
