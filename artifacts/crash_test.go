package artifacts

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crashDirEnv makes the test binary a writer instead: see crashWriter.
const crashDirEnv = "SLIPWAY_ARTIFACTS_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		fmt.Fprintln(os.Stderr, crashWriter(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashWriter puts blobs from several goroutines for as long as it lives and
// prints the digest of each one that the store has acknowledged.
func crashWriter(dir string) error {
	s, err := Open(context.Background(), dir)
	if err != nil {
		return err
	}
	var out sync.Mutex
	errs := make(chan error)
	for range 3 {
		go func() {
			for {
				// Sizes on both sides of the memory spool; few seeds, so that the
				// writers also meet each other's blobs, finished and not.
				b := noise(rand.Uint64N(400), 1+rand.IntN(2*spoolMemory)/(1+rand.IntN(64))/4096*4096)
				ref, err := s.PutBytes(context.Background(), b, "")
				if err != nil {
					errs <- err
					return
				}
				out.Lock()
				fmt.Println(ref.Digest)
				out.Unlock()
			}
		}()
	}
	return <-errs
}

// Every blob acknowledged before a kill -9 is there and whole after it, and
// nothing that is listed is not.
func TestKilledWriterLosesNothing(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	root := t.TempDir()
	acknowledged := map[Digest]bool{}
	interrupted := 0
	for range 30 {
		for _, d := range runUntilKilled(t, self, root) {
			acknowledged[d] = true
		}
		s := openStore(t, root)
		for ref, err := range s.List(t.Context()) {
			require.NoError(t, err)
			require.NoError(t, s.Verify(t.Context(), ref.Digest))
		}
		for d := range acknowledged {
			_, err := s.Stat(t.Context(), d) // and it was verified above
			require.NoError(t, err)
		}
		left, err := os.ReadDir(filepath.Join(root, tempDir))
		require.NoError(t, err)
		interrupted = len(left)
	}
	require.Greater(t, len(acknowledged), 30)
	require.Positive(t, interrupted, "no kill met a write: the test shows nothing")
	t.Logf("%d blobs acknowledged, %d writes interrupted", len(acknowledged), interrupted)
}

// runUntilKilled runs a writer, kills it at a random moment after its first
// blob and returns what it had acknowledged.
func runUntilKilled(t *testing.T, self, root string) (digests []Digest) {
	t.Helper()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), crashDirEnv+"="+root)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	var killer *time.Timer
	for lines.Scan() {
		d, err := ParseDigest(lines.Text())
		if err != nil {
			break // the line the kill cut short
		}
		digests = append(digests, d)
		if killer == nil {
			killer = time.AfterFunc(time.Duration(rand.Int64N(int64(60*time.Millisecond))), func() { _ = cmd.Process.Kill() })
		}
	}
	require.NotNil(t, killer, "the writer stored nothing")
	err = cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, -1, exit.ExitCode(), "killed, not failed")
	return digests
}
