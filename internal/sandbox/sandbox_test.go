package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/sandbox"
)

// TestMain makes the test binary a child where a test asks for one.
func TestMain(m *testing.M) {
	sandbox.Serve(map[string]sandbox.Entry{
		"echo":    echo,
		"escape":  escape,
		"greedy":  greedy,
		"patient": patient,
		"crash":   func(*sandbox.Child) error { panic("no such weight") },
		"exit":    func(*sandbox.Child) error { os.Exit(0); return nil },
		"busy":    busy,
		"signal": func(*sandbox.Child) error {
			return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGSEGV), waitForever())
		},
		"garble": garble,
		"polite": polite,
		"cores":  func(c *sandbox.Child) error { return c.Send(runtime.NumCPU()) },
		"nice":   func(c *sandbox.Child) error { return c.Send(niceOfThreads()) },
		"become": func(c *sandbox.Child) error {
			return c.Exec("/bin/sleep", []string{"no time"}, "/", sandbox.Reach{Execute: []string{"/bin/true"}})
		},
		"wordy": func(c *sandbox.Child) error {
			for i := range 1000 {
				if err := c.Send(strings.Repeat("x", i)); err != nil {
					return err
				}
			}
			return errors.New("told enough")
		},
	})
	os.Exit(m.Run())
}

func waitForever() error { select {} }

// busy computes for ever.
func busy(*sandbox.Child) error {
	for n := 0; ; n++ {
		runtime.KeepAlive(n)
	}
}

// garble writes what is no message.
func garble(*sandbox.Child) error {
	f := os.NewFile(3, "messages")
	if _, err := f.WriteString("no message\n"); err != nil {
		return err
	}
	return waitForever()
}

type answer struct {
	Request string   `json:"request"`
	Blobs   []string `json:"blobs"`
	Env     []string `json:"env"`
	File    string   `json:"file"`
}

// echo says what it was given.
func echo(c *sandbox.Child) error {
	a := answer{Env: os.Environ()}
	if err := json.Unmarshal(c.Request, &a.Request); err != nil {
		return err
	}
	for _, b := range c.Blobs {
		a.Blobs = append(a.Blobs, string(b))
	}
	for _, f := range c.Files {
		b := make([]byte, 100)
		n, err := f.ReadAt(b, 0)
		if n == 0 {
			return err
		}
		a.File = string(b[:n])
	}
	return c.Send(a)
}

// escape confines itself and then tries to get out; it answers with what worked.
func escape(c *sandbox.Child) error {
	var own, other string
	if err := json.Unmarshal(c.Request, &[]any{&own, &other}); err != nil {
		return err
	}
	if _, err := c.Confine(sandbox.Reach{Read: []string{own}}); err != nil {
		return err
	}
	tries := map[string]error{}
	_, tries["read own"] = os.ReadFile(own)
	_, tries["read other"] = os.ReadFile(other)
	_, tries["read environment of parent"] = os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid()))
	tries["write own"] = os.WriteFile(own, []byte("changed"), 0o600)
	tries["write other"] = os.WriteFile(other, []byte("changed"), 0o600)
	tries["make"] = os.WriteFile(filepath.Join(filepath.Dir(own), "new"), nil, 0o600)
	_, tries["tcp"] = net.DialTimeout("tcp", "127.0.0.1:1", time.Second)
	_, tries["udp"] = net.ListenPacket("udp", "127.0.0.1:0")
	_, tries["unix"] = net.Listen("unix", "@slipway-escape")
	_, tries["program"] = syscall.ForkExec("/bin/true", []string{"true"}, nil)
	tries["signal parent"] = syscall.Kill(os.Getppid(), syscall.SIGCONT)
	tries["raise limit"] = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 1, Max: 1})
	out := map[string]string{}
	for name, err := range tries {
		if out[name] = "worked"; err != nil {
			out[name] = err.Error()
		}
	}
	return c.Send(out)
}

// greedy takes memory in pieces and touches it.
func greedy(c *sandbox.Child) error {
	var piece int
	if err := json.Unmarshal(c.Request, &piece); err != nil {
		return err
	}
	var held [][]byte
	for {
		b := make([]byte, piece)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		held = append(held, b)
		if err := c.Send(len(held)); err != nil {
			return err
		}
	}
}

// patient says that it is there and waits.
func patient(c *sandbox.Child) error {
	return errors.Join(c.Send(os.Getpid()), waitForever())
}

func TestRun(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "handed"))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("from the parent")
	require.NoError(t, err)
	var got []answer
	usage, err := sandbox.Run(t.Context(), sandbox.Command{
		Entry: "echo", Request: "hello", Blobs: [][]byte{[]byte("one"), nil, []byte(strings.Repeat("2", 1<<20))},
		Env: []string{"NAME=value"}, Files: []*os.File{f}, Limits: limits(),
		Message: func(body json.RawMessage) error {
			var a answer
			defer func() { got = append(got, a) }()
			return json.Unmarshal(body, &a)
		},
	})
	require.NoError(t, err)
	require.Equal(t, []answer{{
		Request: "hello", Blobs: []string{"one", "", strings.Repeat("2", 1<<20)}, Env: []string{"NAME=value"}, File: "from the parent",
	}}, got)
	require.Positive(t, usage.PeakMemory)
	require.Positive(t, usage.CPU)
	require.Contains(t, usage.Barriers, "no core dumps")
	require.Contains(t, usage.Barriers, "64 open files")
}

func limits() sandbox.Limits {
	return sandbox.Limits{Memory: 256e6, CPU: time.Minute, Time: time.Minute, OpenFiles: 64}
}

func TestDeaths(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		request any
		limits  sandbox.Limits
		cause   sandbox.Cause
		words   string
	}{
		"crash":  {nil, limits(), sandbox.CauseCrash, "panic: no such weight"},
		"signal": {nil, limits(), sandbox.CauseCrash, "SIGSEGV"},
		"exit":   {nil, limits(), sandbox.CauseExit, "before its work was done"},
		"garble": {nil, limits(), sandbox.CauseGarbage, "no message"},
		"busy":   {nil, sandbox.Limits{CPU: time.Second}, sandbox.CauseCPU, "used up its 1s of processor time"},
		"greedy": {16 << 20, limits(), sandbox.CauseMemory, "more than the 256 MB of memory"},
		// One allocation far above the limit is refused before it is made.
		"greedy at once": {4 << 30, limits(), sandbox.CauseMemory, "more than the 256 MB of memory"},
		"patient":        {nil, sandbox.Limits{Time: 200 * time.Millisecond}, sandbox.CauseTime, "was not done after 200ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry, _, _ := strings.Cut(name, " ")
			_, err := sandbox.Run(t.Context(), sandbox.Command{Entry: entry, Request: c.request, Limits: c.limits})
			var death *sandbox.Death
			require.ErrorAs(t, err, &death)
			require.Equal(t, c.cause, death.Cause, "%+v", death)
			require.Contains(t, death.Error(), c.words)
		})
	}
}

func TestErrorsOfTheWork(t *testing.T) {
	t.Parallel()
	said := 0
	_, err := sandbox.Run(t.Context(), sandbox.Command{Entry: "wordy", Message: func(json.RawMessage) error { said++; return nil }})
	require.ErrorIs(t, err, sandbox.ErrEntry)
	require.ErrorContains(t, err, "told enough")
	require.Equal(t, 1000, said)

	enough := errors.New("enough")
	_, err = sandbox.Run(t.Context(), sandbox.Command{Entry: "wordy", Message: func(json.RawMessage) error { return enough }})
	require.ErrorIs(t, err, enough)

	_, err = sandbox.Run(t.Context(), sandbox.Command{Entry: "nobody"})
	require.ErrorContains(t, err, "start a child for nobody: this program does not serve it")
}

func TestCancelKillsTheChild(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	pid := 0
	_, err := sandbox.Run(ctx, sandbox.Command{Entry: "patient", Message: func(body json.RawMessage) error {
		defer cancel()
		return json.Unmarshal(body, &pid)
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "the child is gone")
}

// What the kernel does not offer is told; what is told must hold.
func TestConfine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own, other := filepath.Join(dir, "own"), filepath.Join(dir, "other")
	for _, path := range []string{own, other} {
		require.NoError(t, os.WriteFile(path, []byte("content"), 0o600))
	}
	var tried map[string]string
	usage, err := sandbox.Run(t.Context(), sandbox.Command{
		Entry: "escape", Request: []string{own, other}, Limits: limits(),
		Message: func(body json.RawMessage) error { return json.Unmarshal(body, &tried) },
	})
	require.NoError(t, err)
	require.Equal(t, "worked", tried["read own"])
	held := strings.Join(usage.Barriers, "; ")
	t.Log(held)
	if strings.Contains(held, "Landlock") {
		for _, name := range []string{"read other", "read environment of parent", "write own", "write other", "make"} {
			require.Contains(t, tried[name], "permission denied", name)
		}
	}
	if strings.Contains(held, "seccomp") {
		for _, name := range []string{"tcp", "udp", "unix", "program", "signal parent", "raise limit"} {
			require.Contains(t, tried[name], "not permitted", name)
		}
	}
	_, err = os.Stat(filepath.Join(dir, "new"))
	if strings.Contains(held, "Landlock") {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}
