package modelserver

import (
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/scratch"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Program is a program that serves a model by the contract of docs/runtimes.md.
type Program struct {
	Name string `yaml:"name"`
	// Command is an absolute path of a program, no script, and its arguments.
	Command []string `yaml:"command"`
	// Read and Write are what it may open beside the system's libraries, its model and
	// its own folder.
	Read  []string `yaml:"read"`
	Write []string `yaml:"write"`
}

func (p Program) validate() error {
	switch {
	case p.Name == "":
		return errors.New("runtime: it has no name")
	case len(p.Command) == 0 || !filepath.IsAbs(p.Command[0]):
		return fmt.Errorf("runtime %s: command: want the absolute path of a program and its arguments", p.Name)
	}
	for _, path := range slices.Concat(p.Read, p.Write) {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("runtime %s: %q is no absolute path", p.Name, path)
		}
	}
	return nil
}

// programDevice is where a program is told to run.
func (c Config) programDevice() onnx.Device {
	if _, ok := c.Device.CUDA(); ok {
		return c.Device
	}
	return onnx.DeviceCPU
}

// foreign starts a program for a model.
type foreign struct {
	cfg           Config
	program       Program
	name, version string
	folder        *scratch.Folder // holds the model, and what a start makes
}

// programFolder begins the name of the folder of a program, which is short, as the path of a socket has to be.
const programFolder = "slipway-program-"

// What is in it.
const (
	fileModel    = "model"
	folderHome   = "home"
	folderSocket = "run"
	fileSocket   = "socket"
)

func newForeign(cfg Config, p Program, artifact []byte, config spec.Model) (*foreign, error) {
	folder, err := scratch.New("", programFolder)
	if err != nil {
		return nil, fmt.Errorf("make a folder for %s: %w", p.Name, err)
	}
	f := &foreign{cfg: cfg, program: p, name: config.Name, version: config.Version, folder: folder}
	if err := os.WriteFile(f.folder.Path(fileModel), artifact, 0o400); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the model for %s: %w", p.Name, err), f.close())
	}
	return f, nil
}

func (f *foreign) socket() string { return f.folder.Path(folderSocket, fileSocket) }

// programRequest is what the process is told before it becomes the program.
type programRequest struct {
	Command []string      `json:"command"`
	Folder  string        `json:"folder"`
	Reach   sandbox.Reach `json:"reach"`
}

func (f *foreign) launch() (*launch, error) {
	for _, folder := range []string{f.folder.Path(folderHome), f.folder.Path(folderSocket)} {
		// What the process before has left would be in the way of the next one.
		if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o700)); err != nil {
			return nil, fmt.Errorf("make a folder for %s: %w", f.program.Name, err)
		}
	}
	execute, err := executables(f.program.Command[0])
	if err != nil {
		return nil, fmt.Errorf("runtime %s: %w", f.program.Name, err)
	}
	reach := sandbox.Reach{
		Read:    slices.Concat(systemPaths(), f.program.Read, []string{f.folder.Path(fileModel)}),
		Write:   append([]string{f.folder.Path(folderHome), f.folder.Path(folderSocket), "/dev/null"}, f.program.Write...),
		Execute: execute, Listen: true,
	}
	device := f.cfg.programDevice()
	if _, ok := device.CUDA(); ok {
		reach.Read, reach.Write = append(reach.Read, onnx.SystemCUDAPaths()...), append(reach.Write, "/dev")
	}
	return &launch{
		command: sandbox.Command{
			Entry: EntryProgram, Request: programRequest{Command: f.program.Command, Folder: f.folder.Path(folderHome), Reach: reach}, Env: f.environment(device),
			Limits: sandbox.Limits{Memory: f.cfg.Memory, Cores: f.cfg.Cores, Nice: f.cfg.Nice, OpenFiles: openFiles}, Grace: f.cfg.Grace,
		},
		connect: f.connect, release: func() error { return nil }, device: string(device),
	}, nil
}

func (f *foreign) environment(device onnx.Device) []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + f.folder.Path(folderHome),
		"SLIPWAY_SOCKET=" + f.socket(), "SLIPWAY_MODEL=" + f.folder.Path(fileModel),
		"SLIPWAY_MODEL_NAME=" + f.name, "SLIPWAY_MODEL_VERSION=" + f.version,
		"SLIPWAY_DEVICE=" + string(device), "SLIPWAY_THREADS=" + strconv.Itoa(f.cfg.Threads),
	}
}

// connect tries until the program listens.
func (f *foreign) connect(ctx context.Context) (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", f.socket())
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to %s: %w", f.program.Name, err)
		case <-time.After(pause):
		}
	}
}

func (f *foreign) narrow() int { return 0 }

func (f *foreign) close() error { return f.folder.Close() }

// becomeProgram is a process that confines itself and becomes a program.
func becomeProgram(c *sandbox.Child) error {
	var r programRequest
	if err := json.Unmarshal(c.Request, &r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if len(r.Command) == 0 {
		return errors.New("read the request: it names no program")
	}
	return c.Exec(r.Command[0], r.Command[1:], r.Folder, r.Reach)
}

// systemPaths are what programs in general read: libraries, time zones, and what
// they learn of the machine from.
func systemPaths() []string {
	return []string{
		"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
		"/etc/localtime", "/usr/share/zoneinfo", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system", "/dev/urandom",
	}
}

// executables are a program's file and the loader that it names for its libraries.
func executables(path string) (_ []string, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s is no program that can be confined: %w; name the interpreter of a script first", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := []string{path}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		loader, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
		if err != nil {
			return nil, fmt.Errorf("read the loader of %s: %w", path, err)
		}
		out = append(out, string(trimNUL(loader)))
	}
	return out, nil
}

func trimNUL(b []byte) []byte {
	if i := slices.Index(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
