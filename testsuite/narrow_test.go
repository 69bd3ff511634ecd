package testsuite

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// onTwoProcessors starts a process that may use two of the processors that this one may: the narrowing is for two to four.
func onTwoProcessors(t testing.TB) func(p *process) {
	t.Helper()
	return func(p *process) {
		runtime.LockOSThread() // a child gets the processors of the thread that starts it
		defer runtime.UnlockOSThread()
		var all, two unix.CPUSet
		require.NoError(t, unix.SchedGetaffinity(0, &all))
		require.Greater(t, all.Count(), 1, "a gateway narrows to one thread where it has two processors or more")
		for i := 0; two.Count() < 2; i++ {
			if all.IsSet(i) {
				two.Set(i)
			}
		}
		require.NoError(t, unix.SchedSetaffinity(0, &two))
		defer func() { require.NoError(t, unix.SchedSetaffinity(0, &all)) }()
		p.start()
	}
}

// A gateway runs its goroutines on one thread while one client asks, and on all again when many do.
func TestGatewayNarrowsForOneClient(t *testing.T) { //nolint:paralleltest // a machine that others keep busy has goroutines wait
	predict := gatewayAlone(t, onTwoProcessors(t)).GatewayHTTP
	_, rows := applicants(t, 1, nil)
	delete(rows[0], "risk")
	row, err := json.Marshal(map[string]any{"input": rows[0]})
	require.NoError(t, err)
	post := func() int {
		resp, err := http.Post(predict+"/predict", "application/json", bytes.NewReader(row)) //nolint:noctx // a test
		if err != nil {
			return 0
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	require.Eventually(t, func() bool { return post() == http.StatusOK }, time.Minute, 10*time.Millisecond)
	threads := func() string {
		resp, err := http.Get(predict + "/metrics") //nolint:noctx // a test
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		_, rest, found := strings.Cut(string(b), "\ngo_sched_gomaxprocs_threads ")
		require.True(t, found)
		n, _, _ := strings.Cut(rest, "\n")
		return n
	}
	require.Equal(t, "2", threads())

	var clients sync.WaitGroup
	var stopped, failed atomic.Bool
	ask := func(n int) {
		for range n {
			clients.Go(func() {
				for !stopped.Load() {
					if status := post(); status != http.StatusOK && status != http.StatusServiceUnavailable { // busy, while there are many
						failed.Store(true)
					}
				}
			})
		}
	}
	defer clients.Wait()
	defer stopped.Store(true)
	ask(1)
	require.Eventually(t, func() bool { return threads() == "1" }, 2*time.Minute, 50*time.Millisecond, "one client asks")
	ask(31)
	inRow := 0
	require.Eventually(t, func() bool {
		if inRow++; threads() != "2" {
			inRow = 0
		}
		return inRow == 20
	}, time.Minute, 50*time.Millisecond, "32 clients ask")
	require.False(t, failed.Load())
}
