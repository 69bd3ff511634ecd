package scratch_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/scratch"
)

// TestMain makes the test binary a program that has a folder and is going to be killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "holder" {
		f, err := scratch.New(os.Args[2], "test-")
		if err == nil {
			err = os.WriteFile(f.Path("file"), nil, 0o600)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(f.Path())
		select {}
	}
	os.Exit(m.Run())
}

// holder is a program that runs and has a folder.
func holder(t *testing.T, dir string) (folder string, kill func()) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "holder", dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		require.NoError(t, cmd.Process.Kill()) // SIGKILL
		require.Error(t, cmd.Wait())
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line), kill
}

func TestSweepAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, kill := holder(t, dir)
	second, _ := holder(t, dir)
	removed, err := scratch.Sweep(dir, "test-")
	require.NoError(t, err)
	require.Zero(t, removed)
	kill()
	require.FileExists(t, filepath.Join(first, "file"))
	removed, err = scratch.Sweep(dir, "test-")
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.NoDirExists(t, first)
	require.FileExists(t, filepath.Join(second, "file"))
}

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := scratch.New(dir, "test-")
	require.NoError(t, err)
	info, err := os.Stat(f.Path())
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|0o700, info.Mode())
	require.Equal(t, dir, filepath.Dir(f.Path()))
	require.Equal(t, filepath.Join(f.Path(), "a", "b"), f.Path("a", "b"))
	require.NoError(t, os.MkdirAll(f.Path("a", "b"), 0o700))
	removed, err := scratch.Sweep(dir, "test-")
	require.NoError(t, err)
	require.Zero(t, removed, "this program has it")
	require.NoError(t, f.Close())
	require.NoDirExists(t, f.Path())

	_, err = scratch.New(filepath.Join(dir, "nowhere"), "test-")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = scratch.Sweep(filepath.Join(dir, "nowhere"), "test-")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestSweepSpares what is no folder of New, or another user's.
func TestSweepSpares(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	kept := []string{filepath.Join(dir, "test-file"), filepath.Join(dir, "test-link"), filepath.Join(dir, "other-1"), filepath.Join(elsewhere, "file")}
	require.NoError(t, os.WriteFile(kept[0], nil, 0o600))
	require.NoError(t, os.Symlink(elsewhere, kept[1]))
	require.NoError(t, os.Mkdir(kept[2], 0o700))
	require.NoError(t, os.WriteFile(kept[3], nil, 0o600))
	if os.Geteuid() == 0 { // only root can give something away, and only root could remove it
		theirs := filepath.Join(dir, "test-theirs")
		require.NoError(t, os.Mkdir(theirs, 0o700))
		require.NoError(t, os.Chown(theirs, 65534, 65534))
		kept = append(kept, theirs)
	}
	left := filepath.Join(dir, "test-1")
	require.NoError(t, os.Mkdir(left, 0o700))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(left, "link")))
	removed, err := scratch.Sweep(dir, "test-")
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.NoDirExists(t, left)
	for _, path := range kept {
		_, err := os.Lstat(path)
		require.NoError(t, err)
	}
}

// TestSweepWhileMaking has programs make folders and sweep at once: none loses its own.
func TestSweepWhileMaking(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var work sync.WaitGroup
	errs := make(chan error, 8)
	for range cap(errs) {
		work.Go(func() {
			for range 200 {
				if _, err := scratch.Sweep(dir, "test-"); err != nil {
					errs <- err
					return
				}
				f, err := scratch.New(dir, "test-")
				if err != nil {
					errs <- err
					return
				}
				if err := os.WriteFile(f.Path("file"), nil, 0o600); err != nil {
					errs <- err
					return
				}
				if err := f.Close(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	work.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
