package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/stack"
)

// occupied is an address of this host on which something listens.
func occupied(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// vacant is an address of this host that was free a moment ago.
func vacant(t *testing.T) string {
	t.Helper()
	port, err := reuse("")
	require.NoError(t, err)
	return "127.0.0.1:" + strconv.Itoa(port)
}

func TestListen(t *testing.T) {
	t.Parallel()
	anywhere := "127.0.0.1:0"
	cfg := &config{ControlListen: anywhere, GatewayHTTP: anywhere, GatewayGRPC: anywhere, HealthListen: anywhere, TemporalAddress: "127.0.0.1:7233", UI: "http://ui"}
	l, err := cfg.listen(allRoles())
	require.NoError(t, err)
	t.Cleanup(l.close)
	require.Equal(t, stack.Stack{
		Control: "http://" + l.control.Addr().String(), GatewayHTTP: "http://" + l.gatewayHTTP.Addr().String(), GatewayGRPC: l.gatewayGRPC.Addr().String(),
		Temporal: "127.0.0.1:7233", UI: "http://ui", PID: os.Getpid(),
	}, l.stack(cfg))
	require.NotNil(t, l.health)

	alone, err := cfg.listen([]string{roleGateway})
	require.NoError(t, err)
	t.Cleanup(alone.close)
	require.Nil(t, alone.control)
	require.Nil(t, alone.health, "a gateway serves its health itself")
	require.Empty(t, alone.stack(cfg).Control)

	compute, err := cfg.listen([]string{roleCompute})
	require.NoError(t, err)
	t.Cleanup(compute.close)
	require.Nil(t, compute.gatewayHTTP)
	require.NotNil(t, compute.health)
}

// A port in use is one clear error, and nothing stays open behind it.
func TestListenOnAPortInUse(t *testing.T) {
	t.Parallel()
	for flag, take := range map[string]func(*config, string){
		"--control-listen": func(c *config, a string) { c.ControlListen = a },
		"--health-listen":  func(c *config, a string) { c.HealthListen = a },
		"--gateway-http":   func(c *config, a string) { c.GatewayHTTP = a },
		"--gateway-grpc":   func(c *config, a string) { c.GatewayGRPC = a },
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			taken := occupied(t)
			cfg := &config{ControlListen: "127.0.0.1:0", GatewayHTTP: "127.0.0.1:0", GatewayGRPC: "127.0.0.1:0", HealthListen: "127.0.0.1:0"}
			take(cfg, taken)
			l, err := cfg.listen(allRoles())
			require.ErrorContains(t, err, taken)
			require.ErrorContains(t, err, flag)
			for _, one := range []net.Listener{l.control, l.health, l.gatewayHTTP, l.gatewayGRPC} {
				if one == nil {
					continue
				}
				_, err := one.Accept()
				require.ErrorIs(t, err, net.ErrClosed)
			}
		})
	}
}

func TestReuse(t *testing.T) {
	t.Parallel()
	_, taken, err := net.SplitHostPort(occupied(t))
	require.NoError(t, err)
	for _, address := range []string{"", "x", "http://127.0.0.1", "127.0.0.1:" + taken, "http://127.0.0.1:" + taken, ":99999", "host:0", "127.0.0.1:99999999999999999999"} {
		port, err := reuse(address)
		require.NoError(t, err)
		require.Positive(t, port, address)
		require.NotEqual(t, taken, strconv.Itoa(port), address)
	}
	require.Eventually(t, func() bool { // another process may take the port in between
		_, last, err := net.SplitHostPort(vacant(t))
		require.NoError(t, err)
		a, err := reuse("127.0.0.1:" + last)
		require.NoError(t, err)
		b, err := reuse("http://127.0.0.1:" + last)
		require.NoError(t, err)
		return strconv.Itoa(a) == last && strconv.Itoa(b) == last
	}, 10*time.Second, time.Millisecond, "a free port is used again")
}

func TestDevPorts(t *testing.T) {
	t.Parallel()
	cfg := &config{State: t.TempDir()}
	temporal, ui, err := devPorts(cfg, true)
	require.NoError(t, err)
	seen := map[string]bool{"127.0.0.1:" + strconv.Itoa(temporal): true, "127.0.0.1:" + strconv.Itoa(ui): true}
	for _, address := range []string{cfg.ControlListen, cfg.GatewayHTTP, cfg.GatewayGRPC} {
		require.True(t, loopback(address))
		seen[address] = true
	}
	require.Len(t, seen, 5, "no port twice")

	// What has been taken since the last start is left to whom it belongs.
	taken := occupied(t)
	require.NoError(t, stack.Stack{Control: "http://" + taken}.Write(cfg.State))
	_, _, err = devPorts(cfg, true)
	require.NoError(t, err)
	require.NotEqual(t, taken, cfg.ControlListen)

	same := vacant(t)
	require.NoError(t, stack.Stack{Control: "http://" + same, GatewayHTTP: "http://" + same, GatewayGRPC: same}.Write(cfg.State))
	_, _, err = devPorts(cfg, true)
	require.NoError(t, err)
	require.NotEqual(t, cfg.ControlListen, cfg.GatewayHTTP, "a port that a damaged file names twice is given once")
	require.NotEqual(t, cfg.GatewayHTTP, cfg.GatewayGRPC)
}

func TestLockState(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	unlock, err := lockState(state)
	require.NoError(t, err)
	_, err = lockState(state)
	require.ErrorContains(t, err, "another slipwayd uses "+state)
	require.ErrorContains(t, err, "--state")
	other, err := lockState(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, other())
	require.NoError(t, unlock())
	unlock, err = lockState(state)
	require.NoError(t, err, "free again")
	require.NoError(t, unlock())
	_, err = lockState(filepath.Join(state, "missing"))
	require.ErrorContains(t, err, "lock state folder")
}

// The path is the process's: this test can't run beside others.
func TestFindTemporalCLI(t *testing.T) {
	dir := t.TempDir()
	cli := filepath.Join(dir, "temporal")
	require.NoError(t, os.WriteFile(cli, []byte("#!/bin/sh\n"), 0o700))

	got, err := findTemporalCLI(cli)
	require.NoError(t, err)
	require.Equal(t, cli, got)
	_, err = findTemporalCLI(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "--temporal-cli")

	t.Setenv("PATH", dir)
	got, err = findTemporalCLI("")
	require.NoError(t, err)
	require.Equal(t, cli, got)
	t.Setenv("PATH", t.TempDir())
	_, err = findTemporalCLI("")
	require.ErrorContains(t, err, "make tools")
	require.ErrorContains(t, err, "TEMPORAL_CLI")
}

// Scripts read this line: its keys are a promise.
func TestPrintStack(t *testing.T) {
	t.Parallel()
	s := stack.Stack{GatewayHTTP: "http://g", GatewayGRPC: "g:1", Control: "http://c", Temporal: "t:1", UI: "http://u", PID: 7}
	var out bytes.Buffer
	require.NoError(t, printStack(s, "json", &out))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), "one line")
	require.JSONEq(t, `{"gateway_http": "http://g", "gateway_grpc": "g:1", "control": "http://c", "temporal": "t:1", "ui": "http://u", "pid": 7}`, out.String())
	out.Reset()
	require.NoError(t, printStack(stack.Stack{}, "json", &out))
	var keys map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &keys))
	require.Len(t, keys, 6, "also what does not run has its key")
	out.Reset()
	require.NoError(t, printStack(s, "text", &out))
	for _, address := range []string{s.GatewayHTTP, s.GatewayGRPC, s.Control, s.Temporal, s.UI} {
		require.Contains(t, out.String(), address)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef"
	cat, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	p := &platform{cfg: safe(), catalog: cat, token: token, log: slog.New(slog.DiscardHandler)}
	base, stop := watched(t, p)
	ask := func(path, token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(body)
	}
	status, body := ask("/health", "")
	require.Equal(t, 200, status, "a container's check has no token")
	require.Equal(t, "healthy\n", body)
	for _, wrong := range []string{"", "0123456789abcdee", token + "x"} {
		status, body = ask("/metrics", wrong)
		require.Equal(t, 401, status, "%q", wrong)
		require.NotContains(t, body, "go_goroutines")
	}
	status, body = ask("/metrics", token)
	require.Equal(t, 200, status)
	require.Contains(t, body, "go_goroutines")

	require.NoError(t, cat.Close())
	status, body = ask("/health", "")
	require.Equal(t, 503, status)
	require.Contains(t, body, "catalog")
	require.NoError(t, stop(), "ends cleanly with the daemon")

	p.token, p.catalog = "", catalogtest.SQLite(t)
	base, stop = watched(t, p)
	status, _ = ask("/metrics", "")
	require.Equal(t, 200, status, "no token is asked for")
	require.NoError(t, stop())
}

// watched is the health endpoint until stop.
func watched(t *testing.T, p *platform) (base string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	up := make(chan struct{})
	go func() { done <- p.health(ctx, l, func() { close(up) }) }()
	<-up
	return "http://" + l.Addr().String(), func() error { cancel(); return <-done }
}

func TestLazy(t *testing.T) {
	t.Parallel()
	var opened, closed atomic.Int32
	down := errors.New("down")
	l := &lazy[string]{open: func(context.Context) (string, error) {
		if opened.Add(1) == 1 {
			return "", down
		}
		return "here", nil
	}}
	shut := func(v string) error {
		closed.Add(1)
		require.Equal(t, "here", v)
		return nil
	}
	require.NoError(t, l.close(shut), "what was never opened needs no closing")
	require.Zero(t, closed.Load())
	_, err := l.get(t.Context())
	require.ErrorIs(t, err, down)
	for range 3 {
		v, err := l.get(t.Context())
		require.NoError(t, err)
		require.Equal(t, "here", v)
	}
	require.EqualValues(t, 2, opened.Load(), "opened once after it could be had")
	require.NoError(t, l.close(shut))
	require.NoError(t, l.close(shut))
	require.EqualValues(t, 1, closed.Load())
}

// The gateway sees the catalog as soon as it is there.
func TestLazyCatalog(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "later")
	l := lazyCatalog{&lazy[*catalog.Catalog]{open: func(ctx context.Context) (*catalog.Catalog, error) {
		return catalog.Open(ctx, filepath.Join(dir, "catalog.db"))
	}}}
	_, err := l.Routes(t.Context())
	require.Error(t, err)
	require.Error(t, l.Beat(t.Context(), catalog.Gateway{ID: "gw"}, nil))
	require.NoError(t, os.Mkdir(dir, 0o700))
	routes, err := l.Routes(t.Context())
	require.NoError(t, err)
	require.Empty(t, routes)
	require.NoError(t, l.Beat(t.Context(), catalog.Gateway{ID: "gw"}, nil))
	require.NoError(t, l.close((*catalog.Catalog).Close))
}

func TestHealthCommand(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{200: exitOK, 503: exitError, 404: exitError} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		code, _, errs := slipwayd(t, "health", "--url", s.URL)
		require.Equal(t, want, code, errs)
	}
	code, _, _ := slipwayd(t, "health", "--url", "http://"+vacant(t))
	require.Equal(t, exitError, code)
	code, _, _ = slipwayd(t, "health", "--url", "http://[")
	require.Equal(t, exitUsage, code)
}
