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

// goldenDir holds a repository as version 1 of the formats writes it. Later
// versions add folders beside it; these files never change.
const goldenDir = "testdata/golden/v1"

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

// TestGolden reads what version 1 wrote. To write files of a new version, never of
// an old one: SLIPWAY_WRITE_GOLDEN=1 go test -run TestGolden.
func TestGolden(t *testing.T) {
	t.Parallel()
	for mode, o := range modes(t, 42) {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(goldenDir, mode)
			if os.Getenv("SLIPWAY_WRITE_GOLDEN") != "" {
				require.NoDirExists(t, dir)
				require.Equal(t, goldenTree, add(t, openRepository(t, openStore(t, dir, o...), blobindex.NewMemory(), Options{}), goldenFiles()).Digest)
			}
			// A copy: opening a store makes folders that version control does not keep.
			root := t.TempDir()
			require.NoError(t, os.CopyFS(root, os.DirFS(dir)))
			r := openRepository(t, openStore(t, root, o...), blobindex.NewMemory(), Options{})
			found, err := r.Reindex(t.Context(), nil)
			require.NoError(t, err)
			require.Empty(t, found.Damaged)
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
			require.Len(t, kinds, 3)
			require.Len(t, encodings, 2)
			require.Equal(t, goldenTree, add(t, openRepository(t, openStore(t, "mem://"), blobindex.NewMemory(), Options{}), goldenFiles()).Digest,
				"the same data still has the same digest")
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
