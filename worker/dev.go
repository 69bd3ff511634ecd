package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/internal/stack"
)

// dev runs everything on loopback until ctx ends.
func dev(ctx context.Context, cfg *config, auto bool, output string, stdout io.Writer, log *slog.Logger) (err error) {
	cfg.AllowUnverified = true
	cfg.ControlListen, cfg.GatewayHTTP, cfg.GatewayGRPC = "127.0.0.1:8470", "127.0.0.1:8480", "127.0.0.1:8481"
	if err := cfg.settle(allRoles()); err != nil {
		return err
	}
	cli, err := findTemporalCLI(cfg.TemporalCLI)
	if err != nil {
		return err
	}
	unlock, err := lockState(cfg.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	temporalPort, uiPort, err := devPorts(cfg, auto)
	if err != nil {
		return err
	}
	server := &devServer{cli: cli, state: cfg.State, port: temporalPort, uiPort: uiPort, log: log, restarts: time.Second}
	cfg.TemporalAddress, cfg.Namespace = server.address(), "default"
	cfg.UI = "http://127.0.0.1:" + strconv.Itoa(uiPort)
	listeners, err := cfg.listen(allRoles())
	if err != nil {
		return err
	}
	// The server outlives the roles, so that their last calls are answered.
	serverCtx, stopServer := context.WithCancel(context.WithoutCancel(ctx))
	group, ctx := errgroup.WithContext(ctx)
	serverDone := make(chan struct{})
	go func() { defer close(serverDone); server.run(serverCtx) }()
	group.Go(func() error {
		if err := server.ready(ctx); err != nil {
			return err
		}
		return runRoles(ctx, cfg, allRoles(), listeners, log, func(s stack.Stack) error {
			s.UI = cfg.UI
			if err := s.Write(cfg.State); err != nil {
				return err
			}
			return printStack(s, output, stdout)
		})
	})
	err = group.Wait()
	stopServer()
	<-serverDone
	return err
}

func printStack(s stack.Stack, output string, stdout io.Writer) error {
	if output == "json" {
		return json.NewEncoder(stdout).Encode(s)
	}
	_, err := fmt.Fprintf(stdout, "Slipway is ready: gateway %s (gRPC %s), control %s, Temporal %s, UI %s\n", s.GatewayHTTP, s.GatewayGRPC, s.Control, s.Temporal, s.UI)
	return err
}

// lockState keeps two daemons from sharing one state folder; the lock goes with the process.
func lockState(state string) (unlock func() error, err error) {
	path := filepath.Join(state, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another slipwayd uses %s: stop it, or choose another folder with --state", state), f.Close())
	}
	return f.Close, nil
}

// devPorts chooses Temporal's ports and, with auto, rewrites the listen
// addresses: those of the last start in this state folder where they are free, so that clients find us again.
func devPorts(cfg *config, auto bool) (temporalPort, uiPort int, err error) {
	if !auto {
		for _, p := range []int{7233, 8233} {
			if err := free(p); err != nil {
				return 0, 0, fmt.Errorf("port %d for Temporal is in use: stop what listens there or start with --ports auto", p)
			}
		}
		return 7233, 8233, nil
	}
	last, _ := stack.Read(cfg.State) // none: a first start
	ports := make([]int, 5)
	for i, address := range []string{last.Temporal, last.UI, last.Control, last.GatewayHTTP, last.GatewayGRPC} {
		ports[i], err = reuse(address)
		for err == nil && slices.Contains(ports[:i], ports[i]) {
			ports[i], err = reuse("") // nothing listens there yet, so a free port may come up twice
		}
		if err != nil {
			return 0, 0, err
		}
	}
	at := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	cfg.ControlListen, cfg.GatewayHTTP, cfg.GatewayGRPC = at(2), at(3), at(4)
	return ports[0], ports[1], nil
}

// reuse returns the address's port if it is free, or any free one.
func reuse(address string) (int, error) {
	if i := len(address) - 1; i > 0 {
		for i >= 0 && address[i] >= '0' && address[i] <= '9' {
			i--
		}
		if port, err := strconv.Atoi(address[i+1:]); err == nil && port > 0 && free(port) == nil {
			return port, nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func free(port int) error {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	return l.Close()
}
