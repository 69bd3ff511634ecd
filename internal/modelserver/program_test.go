package modelserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
)

// testProgram is a program by the contract: the test binary, started as such. Its
// model answers with what it found out about its surroundings; its argument is a
// file that it must not see.
func testProgram(args []string) error {
	model, err := os.ReadFile(os.Getenv("SLIPWAY_MODEL"))
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "loaded", len(model), "bytes")
	if string(model) == "broken" {
		return errors.New("this model is broken")
	}
	l, err := net.Listen("unix", os.Getenv("SLIPWAY_SOCKET"))
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	oip.RegisterGRPC(s, newServer(programModel(args[0], string(model)), os.Getenv("SLIPWAY_MODEL_NAME"), os.Getenv("SLIPWAY_MODEL_VERSION")), oip.Identity{})
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() {
		<-end
		s.Stop()
	}()
	return s.Serve(l)
}

// programModel is what the program makes of a model's file.
func programModel(secret, model string) serving.Session {
	if model == "burning" {
		return burner{}
	}
	return explorer{secret: secret, model: model}
}

// explorer is a model that tells what its process can do.
type explorer struct{ secret, model string }

func (explorer) Inputs() []onnx.Info {
	return []onnx.Info{{Name: "x", Type: onnx.Float32, Shape: []int64{-1, 1}}}
}

func (explorer) Outputs() []onnx.Info {
	return []onnx.Info{{Name: "found", Type: onnx.String, Shape: []int64{-1}}}
}

func (explorer) Device() string { return "cpu" }

func (explorer) Close() error { return nil }

func (e explorer) Infer(context.Context, []onnx.Tensor) ([]onnx.Tensor, error) {
	out := onnx.Tensor{Name: "found", Type: onnx.String}
	tell := func(what string, err error) {
		if err == nil {
			out.Strings = append(out.Strings, what)
		}
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		tell("env "+name, nil)
	}
	tell("model "+e.model, nil)
	_, err := os.ReadFile(e.secret)
	tell("read secret", err)
	_, err = os.ReadDir(filepath.Dir(e.secret))
	tell("list folder", err)
	tell("write secret", os.WriteFile(e.secret, nil, 0o600))
	tell("write model", os.WriteFile(os.Getenv("SLIPWAY_MODEL"), nil, 0o600))
	tell("write home", os.WriteFile("note", []byte("x"), 0o700))
	_, err = syscall.ForkExec("./note", nil, nil)
	tell("fork", err)
	tell("exec other", execute("/bin/true"))
	_, err = net.Dial("tcp", "127.0.0.1:1")
	tell("tcp socket", denied(err))
	_, err = net.ListenPacket("udp", "127.0.0.1:0")
	tell("udp", err)
	_, dial := net.Dial("unix", os.Getenv("SLIPWAY_SOCKET"))
	tell("unix connect", dial)
	tell("signal parent", syscall.Kill(os.Getppid(), 0))
	out.Shape = []int64{int64(len(out.Strings))}
	return []onnx.Tensor{out}, nil
}

// denied keeps the error that says that something is not permitted.
func denied(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return err
	}
	return nil
}

// execute would turn into another program, if that were allowed: then the call
// that asked for it fails, and the test with it.
func execute(path string) error { return syscall.Exec(path, []string{path}, nil) }

func testdataProgram(t testing.TB) (Program, string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("of another"), 0o600))
	return Program{Name: "explorer", Command: []string{self, "program", secret}}, secret
}

func TestProgram(t *testing.T) {
	t.Parallel()
	program, secret := testdataProgram(t)
	r, err := NewProgram(quick(t), program)
	require.NoError(t, err)
	m := load(t, r, []byte("weights"), named("explored"))
	require.Equal(t, "cpu", m.Device())
	out, err := m.Infer(t.Context(), column(1))
	require.NoError(t, err)
	found := out[0].Strings
	env := slices.DeleteFunc(slices.Clone(found), func(s string) bool { return !strings.HasPrefix(s, "env ") })
	slices.Sort(env)
	require.Equal(t, []string{
		"env HOME", "env LANG", "env PATH", "env SLIPWAY_DEVICE", "env SLIPWAY_MODEL", "env SLIPWAY_MODEL_NAME", "env SLIPWAY_MODEL_VERSION",
		"env SLIPWAY_SOCKET", "env SLIPWAY_THREADS",
	}, env)
	require.Contains(t, found, "model weights")
	require.Contains(t, found, "write home")
	held := strings.Join(processOf(t, m).Barriers, "; ")
	t.Log(held)
	if strings.Contains(held, "Landlock") {
		for _, escape := range []string{"read secret", "list folder", "write secret", "write model", "exec other"} {
			require.NotContains(t, found, escape)
		}
		require.Equal(t, "of another", string(read(t, secret)))
	}
	if strings.Contains(held, "seccomp") {
		for _, escape := range []string{"fork", "tcp socket", "udp", "unix connect", "signal parent"} {
			require.NotContains(t, found, escape)
		}
	}

	pid := processOf(t, m).PID
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		_, err := m.Infer(t.Context(), column(1))
		return err == nil && processOf(t, m).PID != pid
	}, patience, time.Millisecond)
}

func TestProgramThatFails(t *testing.T) {
	t.Parallel()
	program, _ := testdataProgram(t)
	r, err := NewProgram(quick(t), program)
	require.NoError(t, err)
	_, err = r.Load(t.Context(), []byte("broken"), named("explored"))
	require.ErrorContains(t, err, "this model is broken")

	program.Command = []string{"/bin/sleep", "100"}
	cfg := quick(t)
	cfg.StartTimeout = 200 * time.Millisecond
	r, err = NewProgram(cfg, program)
	require.NoError(t, err)
	_, err = r.Load(t.Context(), nil, named("explored"))
	require.ErrorIs(t, err, errLate)

	_, err = NewProgram(quick(t), Program{Name: "p", Command: []string{"python3"}})
	require.ErrorContains(t, err, "absolute path")
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700))
	r, err = NewProgram(quick(t), Program{Name: "p", Command: []string{script}})
	require.NoError(t, err)
	_, err = r.Load(t.Context(), nil, named("explored"))
	require.ErrorContains(t, err, "name the interpreter of a script first")
}

func TestParsePrograms(t *testing.T) {
	t.Parallel()
	got, err := parsePrograms([]byte(`
runtimes:
  - name: torch
    command: [/usr/bin/python3, ./torch/server.py, --fast]
    read: [./torch, /usr/share/data]
`), "/opt/runtimes")
	require.NoError(t, err)
	require.Equal(t, []Program{{
		Name: "torch", Command: []string{"/usr/bin/python3", "/opt/runtimes/torch/server.py", "--fast"}, Read: []string{"/opt/runtimes/torch", "/usr/share/data"},
	}}, got)
	for text, want := range map[string]string{
		"runtimes: [{command: [/bin/true]}]":                                        "no name",
		"runtimes: [{name: a}]":                                                     "absolute path",
		"runtimes: [{name: a, command: [python3]}]":                                 "absolute path",
		"runtimes: [{name: a, command: [/bin/a], read: [b]}]":                       "no absolute path",
		"runtimes: [{name: a, command: [/bin/a]}, {name: a, command: [/bin/true]}]": "twice",
		"runtimes: [{name: a, comand: [/bin/a]}]":                                   "comand",
		"runtimes: {": "did not find",
	} {
		_, err := parsePrograms([]byte(text), "/")
		require.ErrorContains(t, err, want, text)
	}
	got, err = parsePrograms(nil, "/")
	require.NoError(t, err)
	require.Empty(t, got)
}

func FuzzParsePrograms(f *testing.F) {
	f.Add([]byte("runtimes: [{name: a, command: [/bin/a], read: [./b]}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		programs, err := parsePrograms(b, "/folder")
		if err != nil {
			return
		}
		for _, p := range programs {
			require.NoError(t, p.validate())
		}
	})
}
