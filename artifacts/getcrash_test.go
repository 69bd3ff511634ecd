package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// crashFiles are the files that crashGetter gets, which it knows the tree of by its manifest.
func crashFiles() map[string][]byte {
	files := map[string][]byte{"large": noise(0, wholeMax+5<<20)}
	for i := range 300 {
		files[fmt.Sprintf("%d/%d", i%7, i)] = noise(uint64(i), 20_000)
	}
	return files
}

// crashGetter gets a tree into one folder after the other for as long as it lives.
func crashGetter(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	r, err := NewRepository(s, blobindex.NewMemory(), Options{})
	if err != nil {
		return err
	}
	if _, err := r.Reindex(ctx, nil); err != nil {
		return err
	}
	tree, err := os.ReadFile(filepath.Join(dir, "tree"))
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		to := filepath.Join(dir, "to", fmt.Sprint(os.Getpid(), "-", i))
		fmt.Println("get", to)
		if err := r.Get(ctx, Digest(tree), nil, to, nil); err != nil {
			return err
		}
		fmt.Println("got", to)
	}
}

// A killed Get leaves whole files under their names, and temporary ones that a later
// Get removes; one that has returned has them all.
func TestKilledGet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := openRepository(t, openStore(t, filepath.Join(dir, "store")), blobindex.NewMemory(), Options{})
	files := crashFiles()
	tree := add(t, r, files)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tree"), []byte(tree.Digest), 0o666))
	temporary, finished := 0, 0
	for range 8 {
		lines := runUntilKilled(t, "get", dir)
		var last string
		for _, line := range lines {
			what, to, _ := strings.Cut(line, " ")
			if last = to; what == "got" {
				finished++
				requireFolder(t, files, to)
				last = ""
			}
		}
		if _, err := os.Stat(last); last == "" || errors.Is(err, fs.ErrNotExist) {
			continue // killed between two of them
		}
		for name, b := range contentOf(t, last) {
			if strings.HasSuffix(name, tempSuffix) {
				temporary++
				continue
			}
			require.True(t, bytes.Equal(files[name], b), "%s is not whole", name)
		}
		ageFolder(t, last)
		require.NoError(t, r.Get(t.Context(), tree.Digest, nil, last, nil))
		requireFolder(t, files, last)
		require.NoError(t, os.RemoveAll(last))
	}
	require.Positive(t, temporary, "no kill met a Get at work")
	t.Logf("%d temporary files found, %d finished", temporary, finished)
}

// ageFolder makes all files in a folder look two days old.
func ageFolder(t *testing.T, dir string) {
	t.Helper()
	old := time.Now().Add(-2 * tempAge)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			err = os.Chtimes(path, old, old)
		}
		return err
	}))
}
