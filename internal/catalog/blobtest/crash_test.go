package blobtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
)

// Environment of a child process: what to do, in which folder, and the catalog.
const (
	envChild = "BLOBTEST_CHILD"
	envDir   = "BLOBTEST_DIR"
	envDSN   = "BLOBTEST_DSN"
)

// kills is how often each kind of child is killed.
const kills = 50

// TestMain turns the test binary into another process of Slipway when a test
// starts it again.
func TestMain(m *testing.M) {
	work := map[string]func(context.Context, *artifacts.Repository) error{"add": addForever, "collect": collectForever}[os.Getenv(envChild)]
	if work == nil {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, child(context.Background(), work))
	os.Exit(1)
}

func child(ctx context.Context, work func(context.Context, *artifacts.Repository) error) error {
	s, err := artifacts.Open(ctx, filepath.Join(os.Getenv(envDir), "store"))
	if err != nil {
		return err
	}
	c, err := catalog.Open(ctx, os.Getenv(envDSN))
	if err != nil {
		return err
	}
	r, err := artifacts.NewRepository(s, c, artifacts.Options{Cache: filepath.Join(os.Getenv(envDir), "cache")})
	if err != nil {
		return err
	}
	return work(ctx, r)
}

// A tree is a root from when a file of its digest is there.
func rootFile(tree artifacts.Digest) string {
	return filepath.Join(os.Getenv(envDir), "roots", tree.Hex())
}

// addForever adds folders that share files with each other, and acknowledges each.
func addForever(ctx context.Context, r *artifacts.Repository) error {
	fmt.Println("ready")
	for {
		dir, err := randomFolder(filepath.Join(os.Getenv(envDir), "source"))
		if err != nil {
			return err
		}
		tree, err := r.Add(ctx, dir, nil)
		if err != nil {
			return err
		}
		if err := os.WriteFile(rootFile(tree.Digest), nil, 0o666); err != nil {
			return err
		}
		fmt.Println(tree.Digest)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
}

// randomFolder writes files of a few seeds: some of them are in other folders too.
func randomFolder(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, "add-")
	if err != nil {
		return "", err
	}
	for i := range 1 + rand.IntN(30) {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), noise(rand.Uint64N(300), 100+rand.IntN(3)*40_000), 0o666); err != nil {
			return "", err
		}
	}
	if rand.IntN(4) > 0 {
		return dir, nil
	}
	large := append(noise(rand.Uint64N(3), rand.IntN(1<<20)), noise(1000, 10<<20)...)
	return dir, os.WriteFile(filepath.Join(dir, "large"), large, 0o666)
}

func noise(seed uint64, n int) []byte {
	var key [32]byte
	copy(key[:], fmt.Sprintf("%032d", seed))
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// rootsKept is how many roots are never let go of, so that something is left to look at.
const rootsKept = 5

// collectForever lets go of some of the roots and collects, again and again.
func collectForever(ctx context.Context, r *artifacts.Repository) error {
	fmt.Println("ready")
	for {
		entries, err := os.ReadDir(filepath.Join(os.Getenv(envDir), "roots"))
		if err != nil {
			return err
		}
		for i, e := range entries {
			if i >= rootsKept && rand.IntN(6) == 0 {
				// Off the list first: it is not promised any more.
				fmt.Println("-" + e.Name())
				if err := os.Remove(filepath.Join(os.Getenv(envDir), "roots", e.Name())); err != nil {
					return err
				}
			}
		}
		if _, err := r.GC(ctx, rootsIn(os.Getenv(envDir)), artifacts.GCOptions{Grace: grace}); err != nil {
			return err
		}
		fmt.Println("collected")
	}
}

// grace covers the time from an Add's return to the root file, on a machine that is busy too.
const grace = 5 * time.Second

func rootsIn(dir string) func(func(artifacts.Digest, error) bool) {
	return func(yield func(artifacts.Digest, error) bool) {
		entries, err := os.ReadDir(filepath.Join(dir, "roots"))
		if err != nil {
			yield("", err)
			return
		}
		for _, e := range entries {
			if !yield(artifacts.Digest("sha256:"+e.Name()), nil) {
				return
			}
		}
	}
}

// Writers and collections are killed at random moments, while one of the other
// kind is at work. What was acknowledged and not let go is whole, and in the end nothing
// is left that a collection cannot take.
func TestKilledWritersAndCollections(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	for _, sub := range []string{"roots", "source", "cache"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, sub), 0o777))
	}
	dsn := filepath.Join(dir, "catalog.db")
	c := catalogtest.Open(t, dsn)
	s, err := artifacts.Open(t.Context(), filepath.Join(dir, "store"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	r, err := artifacts.NewRepository(s, c, artifacts.Options{})
	require.NoError(t, err)

	raw := catalogtest.Raw(t, dsn)
	// The pins of the killed end after an hour; until then they keep collections from taking much.
	endPins := func() {
		_, err := raw.ExecContext(t.Context(), "UPDATE blob_uploads SET until_at = 0")
		require.NoError(t, err)
	}
	added := 0
	promised := map[string]bool{}
	for round := range kills {
		writer, collector := start(t, self, dir, dsn, "add"), start(t, self, dir, dsn, "collect")
		writer.killAfter(time.Duration(rand.Int64N(int64(400 * time.Millisecond))))
		collector.killAfter(time.Duration(rand.Int64N(int64(400 * time.Millisecond))))
		for _, line := range writer.wait(t) {
			added++
			promised[strings.TrimPrefix(line, "sha256:")] = true
		}
		for _, line := range collector.wait(t) {
			if gone, ok := strings.CutPrefix(line, "-"); ok {
				delete(promised, gone)
			}
		}
		// What the collector let go of before the writer promised it anew.
		for tree := range promised {
			if _, err := os.Stat(filepath.Join(dir, "roots", tree)); errors.Is(err, fs.ErrNotExist) {
				delete(promised, tree)
			}
		}
		endPins()
		if round%10 == 9 {
			requireWhole(t, r, rootsIn(dir))
		}
	}
	require.NotEmpty(t, promised)
	requireWhole(t, r, rootsIn(dir))
	for tree := range rootsIn(dir) {
		require.NoError(t, r.Get(t.Context(), tree, nil, t.TempDir(), nil))
	}
	t.Logf("%d trees acknowledged, %d kept", added, len(promised))

	require.Eventually(t, func() bool {
		_, err := r.GC(t.Context(), func(func(artifacts.Digest, error) bool) {}, artifacts.GCOptions{Grace: -1})
		return err == nil && filesBelow(t, filepath.Join(dir, "store", "packs")) == 0
	}, 30*time.Second, 100*time.Millisecond)
	packs, err := c.ListPacks(t.Context(), "", 1)
	require.NoError(t, err)
	require.Empty(t, packs)
}

func requireWhole(t *testing.T, r *artifacts.Repository, roots func(func(artifacts.Digest, error) bool)) {
	t.Helper()
	_, err := r.Verify(t.Context(), roots, func(d artifacts.Damage) { t.Errorf("damage: %+v: %v", d, d.Err) }, nil)
	require.NoError(t, err)
	require.False(t, t.Failed())
}

func filesBelow(t *testing.T, dir string) (n int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	}))
	return n
}

// process is a child under way.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// start starts a child and returns when it is at work.
func start(t *testing.T, self, dir, dsn, work string) *process {
	t.Helper()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), envChild+"="+work, envDir+"="+dir, envDSN+"="+dsn)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd, bufio.NewScanner(stdout)}
	require.True(t, p.lines.Scan(), "the child did not get to work")
	return p
}

func (p *process) killAfter(d time.Duration) {
	time.AfterFunc(d, func() { _ = p.cmd.Process.Kill() })
}

// wait returns the whole lines a child printed.
func (p *process) wait(t *testing.T) (lines []string) {
	t.Helper()
	for p.lines.Scan() {
		if line := p.lines.Text(); len(line) >= 64 {
			lines = append(lines, line)
		}
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, -1, exit.ExitCode(), "killed, not failed")
	return lines
}
