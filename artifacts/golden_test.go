package artifacts

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// goldenDir holds a folder for each version of the formats with a repository as it
// writes it. Later versions add folders; these files never change.
const goldenDir = "testdata/golden"

// goldenVersions says how many kinds of blobs each of them has. Since version 2, chunks are one.
func goldenVersions() map[string]int { return map[string]int{"v1": 3, goldenNewest: 4} }

// goldenNewest is the version that is written now.
const goldenNewest = "v2"

// goldenTree is the digest of the data in it, over which a release may have been approved.
const goldenTree = Digest("sha256:22e1819663cef480de5d4f9a9ebdeb2e4bf55472cbcffc2f56fc9478bebbd1df")

// goldenFiles are in it: in one piece, compressed, and in chunks.
func goldenFiles() map[string][]byte {
	return map[string][]byte{
		"empty":               {},
		"raw.bin":             noise(1, 1000),
		"text.csv":            []byte(strings.Repeat("id,name,50% \"quoted\"\n", 400)),
		"data/über\n100%.txt": []byte("a path with an escape"),
		"chunked.bin":         append(append(bytes.Repeat([]byte("chunk"), wholeMax/5), noise(2, 5000)...), make([]byte, 2<<20)...),
	}
}

// openGolden opens a copy of a golden repository: opening a store makes folders that version control does not keep.
func openGolden(t *testing.T, version, mode string, o []Option) *Repository {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.CopyFS(root, os.DirFS(filepath.Join(goldenDir, version, mode))))
	r := openRepository(t, openStore(t, root, o...), blobindex.NewMemory(), Options{})
	found, err := r.Reindex(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, found.Damaged)
	return r
}

// TestGolden reads what every version wrote. To write files of a new version, never of
// an old one: SLIPWAY_WRITE_GOLDEN=1 go test -run TestGolden.
func TestGolden(t *testing.T) {
	t.Parallel()
	for version, kindsOf := range goldenVersions() {
		for mode, o := range modes(t, 42) {
			t.Run(version+"/"+mode, func(t *testing.T) {
				t.Parallel()
				if os.Getenv("SLIPWAY_WRITE_GOLDEN") != "" && version == goldenNewest {
					dir := filepath.Join(goldenDir, version, mode)
					require.NoDirExists(t, dir)
					require.Equal(t, goldenTree, add(t, openRepository(t, openStore(t, dir, o...), blobindex.NewMemory(), Options{}), goldenFiles()).Digest)
				}
				r := openGolden(t, version, mode, o)
				requireTree(t, r, goldenTree, goldenFiles())
				requireSound(t, r, goldenTree)
				kinds := map[blobindex.Kind]bool{}
				encodings := map[blobindex.Encoding]bool{}
				for page, err := range r.eachRow(t.Context()) {
					require.NoError(t, err)
					for _, b := range page {
						kinds[b.Kind], encodings[b.Encoding&^blobindex.Sealed] = true, true
						require.Equal(t, mode == "encrypted", b.Encoding&blobindex.Sealed != 0)
					}
				}
				require.Len(t, kinds, kindsOf)
				require.Len(t, encodings, 2)
				require.Equal(t, goldenTree, add(t, openRepository(t, openStore(t, "mem://"), blobindex.NewMemory(), Options{}), goldenFiles()).Digest,
					"the same data still has the same digest")
			})
		}
	}
}

// What version 1 wrote is read, grown, collected and checked beside what is written now.
func TestGoldenGoesOn(t *testing.T) {
	t.Parallel()
	for mode, o := range modes(t, 42) {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := openGolden(t, "v1", mode, o)
			requireKinds := func(file []byte, list blobindex.Kind) {
				t.Helper()
				f, err := r.open(t.Context(), DigestOf(file))
				require.NoError(t, err)
				require.Equal(t, list, f.list.kind)
			}
			files := goldenFiles()
			old := files["chunked.bin"]
			requireKinds(old, blobindex.Data)

			// Added again as they are, the old list stays; what was stored beside it is garbage.
			require.Equal(t, goldenTree, add(t, r, files).Digest)
			requireKinds(old, blobindex.Data)
			_, err := r.GC(t.Context(), roots(goldenTree), GCOptions{Grace: -1})
			require.NoError(t, err)
			requireTree(t, r, goldenTree, files)
			requireSound(t, r, goldenTree)
			for page, err := range r.eachRow(t.Context()) {
				require.NoError(t, err)
				for _, b := range page {
					require.NotEqual(t, blobindex.Chunk, b.Kind)
				}
			}

			// With a change they are stored once more, and from then on as ever.
			files["chunked.bin"] = append(bytes.Clone(old), noise(3, 1<<20)...)
			grown := add(t, r, files)
			require.Positive(t, grown.Stored)
			requireKinds(files["chunked.bin"], blobindex.Chunk)
			requireKinds(old, blobindex.Data)
			require.Less(t, add(t, r, map[string][]byte{"more": append(bytes.Clone(files["chunked.bin"]), 1)}).Stored, int64(chunkMax*2))
			requireTree(t, r, goldenTree, goldenFiles())
			requireTree(t, r, grown.Digest, files)
			requireSound(t, r, goldenTree, grown.Digest)

			// Each can go without the other.
			_, err = r.GC(t.Context(), roots(grown.Digest), GCOptions{Grace: -1})
			require.NoError(t, err)
			_, err = r.Open(t.Context(), DigestOf(old))
			require.ErrorIs(t, err, ErrNotFound)
			requireTree(t, r, grown.Digest, files)
			requireSound(t, r, grown.Digest)
		})
	}
}

// The text of a manifest is what a digest of data is over.
func TestManifestText(t *testing.T) {
	t.Parallel()
	all := manifests([]Entry{{Path: "a%\n", Size: 3, Digest: DigestOf([]byte("abc"))}, {Path: "b/é", Size: 0, Digest: DigestOf(nil)}})
	require.Len(t, all, 1)
	require.Equal(t, "slipway-tree 1\n"+
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 a%25%0A\n"+
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 b/é\n", string(all[0]))
}
