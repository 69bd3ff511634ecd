package process

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServer starts a shell that stands for a server, with a process of its own below it.
func TestServer(t *testing.T) {
	t.Parallel()
	p, err := Start(t.Context(), Command{
		Args: []string{"/bin/sh", "-c", `echo "$NAME"; echo more; echo trouble >&2; sleep 600 & wait`},
		Env:  []string{"NAME=a server"}, Log: filepath.Join(t.TempDir(), "log"),
	})
	require.NoError(t, err)
	line, err := p.Line()
	require.NoError(t, err)
	require.Equal(t, "a server\n", string(line))
	require.Positive(t, p.Usage().Resident)
	group := p.cmd.Process.Pid
	p.Stop()
	require.Zero(t, p.Usage().Resident)
	require.NoFileExists(t, fmt.Sprintf("/proc/%d/stat", group))
	require.ErrorContains(t, p.Failed(errors.New("it ended")), "it ended: trouble")
}

func TestAwait(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	p, err := Start(t.Context(), Command{Args: []string{"/bin/sleep", "600"}, Log: filepath.Join(t.TempDir(), "log")})
	require.NoError(t, err)
	require.NoError(t, p.Await(t.Context(), server.URL))
	require.Equal(t, 3, asked)
	p.Stop()
	server.Close()
	require.ErrorContains(t, p.Await(t.Context(), server.URL), "it ended")
}

// TestUsageOfThis counts this process, and none that is not there.
func TestUsageOfThis(t *testing.T) {
	t.Parallel()
	require.Greater(t, UsageOf(os.Getpid()).Resident, int64(1<<20))
	require.Zero(t, UsageOf(1<<30))
}

func TestPorts(t *testing.T) {
	t.Parallel()
	ports, err := Ports(3)
	require.NoError(t, err)
	require.Len(t, map[int]bool{ports[0]: true, ports[1]: true, ports[2]: true}, 3)
	require.Equal(t, "127.0.0.1:8080", At(8080))
}
