package artifacts

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Environment that makes the test binary a process to be killed: what it does, and in which store.
const (
	crashDirEnv  = "SLIPWAY_ARTIFACTS_CRASH_DIR"
	crashWorkEnv = "SLIPWAY_ARTIFACTS_CRASH_WORK"
)

func TestMain(m *testing.M) {
	work := map[string]func(dir string) error{
		"put":           func(dir string) error { return crashWriter(dir) },
		"put encrypted": func(dir string) error { return crashWriter(dir, WithKeepers(crashKeeper(1))) },
		"rotate":        crashRotator,
		"get":           crashGetter,
	}[os.Getenv(crashWorkEnv)]
	if work == nil {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, work(os.Getenv(crashDirEnv)))
	os.Exit(1)
}

func crashKeeper(seed byte) *secrets.Keeper {
	return localsecrets.NewKeeper([32]byte(bytes.Repeat([]byte{seed}, 32)))
}

// crashWriter puts blobs from several goroutines for as long as it lives and
// prints the digest of each one that the store has acknowledged.
func crashWriter(dir string, o ...Option) error {
	s, err := Open(context.Background(), dir, o...)
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
				b := noise(rand.Uint64N(400), 4096+rand.IntN(2*spoolMemory)/(1+rand.IntN(64))/4096*4096)
				for at := 0; at < len(b); at += 4096 {
					copy(b[at:], secret)
				}
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
// nothing that is listed is not. Of an encrypted store nothing can be read.
func TestKilledWriterLosesNothing(t *testing.T) {
	t.Parallel()
	for work, o := range map[string][]Option{"put": nil, "put encrypted": {WithKeepers(testKeeper(t, 1))}} {
		t.Run(work, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			acknowledged := map[Digest]bool{}
			interrupted := 0
			for range 20 {
				for _, line := range runUntilKilled(t, work, root) {
					d, err := ParseDigest(line)
					require.NoError(t, err)
					acknowledged[d] = true
				}
				s := openStore(t, root, o...)
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
			require.Greater(t, len(acknowledged), 20)
			require.Positive(t, interrupted, "no kill met a write: the test shows nothing")
			if o != nil {
				requireNothingOf(t, root, secret)
			}
			t.Logf("%d blobs acknowledged, %d writes interrupted", len(acknowledged), interrupted)
		})
	}
}

// runUntilKilled runs a process, kills it at a random moment after its first line and
// returns the lines it had printed whole.
func runUntilKilled(t *testing.T, work, root string) (whole []string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), crashDirEnv+"="+root, crashWorkEnv+"="+work)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var killer *time.Timer
	for out := bufio.NewReader(stdout); ; {
		line, err := out.ReadString('\n')
		if err != nil {
			break // the end, or the line that the kill cut short
		}
		whole = append(whole, strings.TrimSpace(line))
		if killer == nil {
			killer = time.AfterFunc(time.Duration(rand.Int64N(int64(60*time.Millisecond))), func() { _ = cmd.Process.Kill() })
		}
	}
	require.NotNil(t, killer, "the process did not get to work")
	err = cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, -1, exit.ExitCode(), "killed, not failed")
	return whole
}

// crashRotator rotates the key of a store to and fro for as long as it lives.
func crashRotator(dir string) error {
	ctx := context.Background()
	keepers := []*secrets.Keeper{crashKeeper(1), crashKeeper(2)}
	s, err := Open(ctx, dir, WithKeepers(keepers...))
	if err != nil {
		return err
	}
	r, err := NewRepository(s, blobindex.NewMemory(), Options{})
	if err != nil {
		return err
	}
	for i := 1; ; i++ {
		fmt.Println("rotate")
		if err := r.RotateKey(ctx, keepers[i%2]); err != nil {
			return err
		}
	}
}

// Whenever a rotation is killed, all is readable with both keys, and a rotation that is
// let finish leaves nothing that needs another key.
func TestKilledRotation(t *testing.T) {
	t.Parallel()
	root, x := filepath.Join(t.TempDir(), "store"), blobindex.NewMemory()
	one, two, three := testKeeper(t, 1), testKeeper(t, 2), testKeeper(t, 3)
	s := openStore(t, root, WithKeepers(one))
	r := openRepository(t, s, x, Options{})
	var trees []Digest
	for i := range 30 { // a pack and a blob for each
		trees = append(trees, add(t, r, map[string][]byte{"data": noise(uint64(i), 500)}).Digest)
		_, err := s.PutBytes(t.Context(), noise(uint64(100+i), 500), "")
		require.NoError(t, err)
	}
	before := dataOf(t, s)
	mixed := 0
	for range 25 {
		runUntilKilled(t, "rotate", root)
		both := openStore(t, root, WithKeepers(two, one))
		requireAll(t, both, x, trees)
		if first, second := wrappedBy(t, both, one), wrappedBy(t, both, two); first > 0 && second > 0 {
			mixed++
			require.Equal(t, 60, first+second)
		}
	}
	require.Positive(t, mixed, "no kill met a rotation: the test shows nothing")
	require.NoError(t, openRepository(t, openStore(t, root, WithKeepers(one, two)), x, Options{}).RotateKey(t.Context(), three))
	last := openStore(t, root, WithKeepers(three))
	requireAll(t, last, x, trees)
	require.Equal(t, before, dataOf(t, last), "no data is rewritten")
	t.Logf("%d of 25 kills met a rotation", mixed)
}

func requireAll(t *testing.T, s *Store, x Index, trees []Digest) {
	t.Helper()
	requireSound(t, openRepository(t, s, x, Options{}), trees...)
	refs := listed(t, s)
	require.Len(t, refs, 30)
	for _, ref := range refs {
		require.NoError(t, s.Verify(t.Context(), ref.Digest))
	}
}

// wrappedBy counts the data keys that a keeper unwraps.
func wrappedBy(t *testing.T, s *Store, k *secrets.Keeper) (n int) {
	t.Helper()
	for _, prefix := range []string{keyPrefix, sealedKeyPrefix} {
		for e, err := range s.backend.list(t.Context(), prefix) {
			require.NoError(t, err)
			wrapped, err := s.wrappedKey(t.Context(), e.key)
			require.NoError(t, err)
			if _, err := k.Decrypt(t.Context(), wrapped); err == nil {
				n++
			}
		}
	}
	return n
}
