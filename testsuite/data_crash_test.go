package testsuite

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
)

// killedRuns is how often the program is killed while it adds, removes or collects data.
const killedRuns = 100

// shelf is a state folder that `slipway data` works in, and what is put there.
type shelf struct {
	t          *testing.T
	bin, state string
	rand       *rand.Rand
}

func (s *shelf) args(args ...string) []string {
	return append(append([]string{"data"}, args...), "--state", s.state, "--cache", filepath.Join(s.state, "cache"), "--as", "ann")
}

// ok runs a data command to its end.
func (s *shelf) ok(args ...string) string {
	s.t.Helper()
	out, errs, code := command(s.t, s.bin, s.args(args...)...)
	require.Zero(s.t, code, "%v\n%s%s", args, out, errs)
	return out
}

// killed runs a data command, kills it after a while and tells whether it was done before.
func (s *shelf) killed(args ...string) bool {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.bin, s.args(args...)...)
	require.NoError(s.t, cmd.Start())
	timer := time.AfterFunc(time.Duration(s.rand.Int64N(int64(80*time.Millisecond))), func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	return cmd.Wait() == nil
}

// folder writes variant i: much of it is in every variant.
func (s *shelf) folder(i int) string {
	s.t.Helper()
	dir := s.t.TempDir()
	files := map[string]string{"same": string(noise(0, 200<<10)), "own": string(noise(byte(i), 300<<10))}
	for n := range 50 {
		files[fmt.Sprintf("small/%02d", n)] = fmt.Sprintf("variant %d file %d", i, n)
	}
	require.NoError(s.t, os.Mkdir(filepath.Join(dir, "small"), 0o700))
	for name, content := range files {
		require.NoError(s.t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

// noise does not compress and is the same for a seed.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed, 1}).Read(b) // never fails
	return b
}

func (s *shelf) list() []catalog.DataVersion {
	s.t.Helper()
	var list []catalog.DataVersion
	require.NoError(s.t, json.Unmarshal([]byte(s.ok("list", "-o", "json")), &list))
	return list
}

// TestDataSurvivesKills kills the program at random moments. What was promised is
// there and whole, and what is not needed can be freed to the last byte.
func TestDataSurvivesKills(t *testing.T) {
	t.Parallel()
	const variants = 6
	s := &shelf{t: t, bin: filepath.Join(need(t, "SLIPWAY_BIN"), "slipway"), state: filepath.Join(t.TempDir(), "state"), rand: rand.New(rand.NewPCG(1, 2))}
	folders := make([]string, variants)
	for i := range folders {
		folders[i] = s.folder(i)
	}
	s.ok("add", folders[0], "--name", "v0")
	promised := map[int]bool{0: true} // by variant
	kills := 0
	for kills < killedRuns {
		i := s.rand.IntN(variants)
		name := fmt.Sprint("v", i)
		var done bool
		switch s.rand.IntN(4) {
		case 0, 1:
			done = s.killed("add", folders[i], "--name", name)
			promised[i] = promised[i] || done
		case 2:
			if i == 0 { // variant 0 stays all the while
				continue
			}
			promised[i] = false // whether it was removed is not known
			done = s.killed("rm", name+"@1", "--keep", "0")
		case 3:
			done = s.killed("gc", "--grace", "0")
		}
		if !done {
			kills++
		}
	}
	there := map[string]bool{}
	for _, d := range s.list() {
		there[d.Name] = true
		var i int
		_, err := fmt.Sscanf(d.Name, "v%d", &i)
		require.NoError(t, err)
		to := t.TempDir()
		s.ok("get", d.Digest, "--to", to)
		same(t, folders[i], to)
	}
	for i, yes := range promised {
		require.True(t, !yes || there[fmt.Sprint("v", i)], "variant %d was promised", i)
	}
	s.ok("verify")

	for _, d := range s.list() {
		s.ok("rm", d.Digest, "--keep", "0")
	}
	// Killed uploads keep what they were at for an hour: let it pass.
	dsn := filepath.Join(s.state, "slipway.db")
	_, err := catalogtest.Raw(t, dsn).ExecContext(t.Context(), "UPDATE blob_uploads SET until_at = 1")
	require.NoError(t, err)
	s.ok("gc", "--grace", "0")
	var left []string
	require.NoError(t, filepath.WalkDir(filepath.Join(s.state, "artifacts"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && filepath.Ext(path) != ".tmp" {
			left = append(left, path)
		}
		return err
	}))
	require.Empty(t, left)
	_, err = catalogtest.Open(t, dsn).VerifyEvents(t.Context())
	require.NoError(t, err)
}

// same demands that two folders hold the same files.
func same(t *testing.T, want, got string) {
	t.Helper()
	read := func(dir string) map[string]string {
		out := map[string]string{}
		require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(filepath.Join(dir, path))
			out[path] = string(b)
			return err
		}))
		return out
	}
	w, g := read(want), read(got)
	require.Len(t, g, len(w))
	for name, content := range w {
		require.True(t, g[name] == content, name)
	}
}
