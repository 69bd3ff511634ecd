// Command serving measures Slipway's gateway against the servers that people put in
// front of ONNX Runtime today, and against ONNX Runtime alone: one table from one run.
//
// Every server runs as users run it, as a process of its own; the load comes from
// h2load, over loopback. What is compared is measured in turns, a window each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/sandbox"
)

func main() {
	sandbox.Serve(modelserver.Entries()) // this program is also the process of a model that it loads
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench-serving: %v\n", err)
		os.Exit(1)
	}
}

// parts of the benchmark, in the order in which they run.
func parts() []string { return []string{"tiny", "latency", "larger", "overload", "cycles"} }

func run(ctx context.Context, args []string) (err error) {
	if len(args) > 0 && args[0] == cycleCommand {
		return runCycles(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == deviceCommand {
		return runDevice(args[1:], os.Stdout)
	}
	if len(args) > 0 && args[0] == echoCommand {
		return runEcho(ctx, args[1:], os.Stdout)
	}
	flags := flag.NewFlagSet("bench-serving", flag.ContinueOnError)
	size := flags.String("size", "full", "how long to measure: full or small")
	bin := flags.String("bin", "bin", "folder of slipwayd")
	library := flags.String("library", os.Getenv("ONNXRUNTIME_LIB"), "the ONNX Runtime library")
	device := flags.String("device", "cpu", "where our models and the floor run: cpu, cuda or cuda:N")
	peers := flags.String("peers", filepath.Join(".deps", "bench-serving"), "folder of the peers' Python environments; what it lacks is reported as not installed")
	source := flags.String("source", ".", "folder of the repository: the examples' models and the peers' scripts")
	network := flags.String("network", filepath.Join(".deps", "bench-serving", "network.onnx"), "the larger network, as network.py makes it")
	generator := flags.String("h2load", "h2load", "the load generator: the program of nghttp2, by name or path")
	temp := flags.String("temp", "", "folder for state, made inside and removed at the end; the default is the system's")
	only := flags.String("only", "", "only these parts, comma-separated: "+strings.Join(parts(), ", "))
	names := flags.String("models", "", "only these models, comma-separated: credit-risk, mnist, network; what is not measured on one of them is left out")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	b := &bench{library: *library, device: *device, slices: map[string][]window{}}
	var ok bool
	if b.size, ok = sizes()[*size]; !ok {
		return fmt.Errorf("size %q: it is full or small", *size)
	}
	wanted := parts()
	if *only != "" {
		wanted = strings.Split(*only, ",")
	}
	for _, p := range wanted {
		if !slices.Contains(parts(), p) {
			return fmt.Errorf("part %q: it is one of %s", p, strings.Join(parts(), ", "))
		}
	}
	if b.library == "" {
		return errors.New("-library is missing: run `make bench-serving`")
	}
	if b.generator, err = exec.LookPath(*generator); err != nil {
		return fmt.Errorf("%w: scripts/h2load.sh finds or installs it", err)
	}
	if *names != "" {
		b.names = strings.Split(*names, ",")
	}
	// The clients of an open loop are more than the usual soft limit of files; what this program starts inherits its own.
	if err := raiseFiles(); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	for _, p := range []struct {
		to   *string
		path string
	}{{&b.slipwayd, filepath.Join(*bin, "slipwayd")}, {&b.peers, *peers}, {&b.source, *source}, {&b.network, *network}} {
		if *p.to, err = filepath.Abs(p.path); err != nil {
			return err
		}
	}
	if b.dir, err = os.MkdirTemp(*temp, "bench-serving-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.measure(ctx, wanted); err != nil {
		return err
	}
	printTable(os.Stdout, *size, b.lines)
	printMoved(os.Stdout, b.slices)
	return nil
}

// bench is one run of the benchmark.
type bench struct {
	size                                                                    size
	self, slipwayd, library, device, peers, source, network, dir, generator string
	names                                                                   []string // of the models; none: all
	lines                                                                   []line
	slices                                                                  map[string][]window // of the floor, by model
}

// size says how long a run measures.
type size struct {
	warm, again time.Duration // before the first window of a turn, and before each further one
	window      time.Duration
	windows     int
	rest        time.Duration // between turns: ONNX Runtime's threads spin for some 40 ms after a Run, and servers close connections
	floor       time.Duration // for each batch size, and each slice of the floor
	overload    time.Duration // at three times capacity
	steady      time.Duration // at 90 % load
	cycles      int           // loads and unloads
}

func sizes() map[string]size {
	return map[string]size{
		"full": {
			warm: 2 * time.Second, again: 500 * time.Millisecond, window: 1500 * time.Millisecond, windows: 5, rest: 200 * time.Millisecond,
			floor: 700 * time.Millisecond, overload: time.Minute, steady: 20 * time.Second, cycles: 1000,
		},
		"small": {
			warm: 800 * time.Millisecond, again: 300 * time.Millisecond, window: 400 * time.Millisecond, windows: 5, rest: 100 * time.Millisecond,
			floor: 300 * time.Millisecond, overload: 8 * time.Second, steady: 5 * time.Second, cycles: 100,
		},
	}
}

// raiseFiles takes as many open files as the process may.
func raiseFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "    "+format+"\n", args...) }

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// measure runs the parts that are wanted.
func (b *bench) measure(ctx context.Context, wanted []string) (err error) {
	models, err := b.models()
	if err != nil {
		return err
	}
	if models, err = chosen(models, b.names); err != nil {
		return err
	}
	// ONNX Runtime stays in this process for the floor's slices.
	ort.SetSharedLibraryPath(b.library)
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return fmt.Errorf("start ONNX Runtime %s: %w", b.library, err)
	}
	defer func() { err = errors.Join(err, ort.DestroyEnvironment()) }()
	f, err := b.floors(ctx, models)
	if err != nil {
		return fmt.Errorf("measure the floor: %w", err)
	}
	if err := b.prove(ctx, models[0], f[models[0].name].want); err != nil {
		return fmt.Errorf("prove the load generator: %w", err)
	}
	run := map[string]func(context.Context, []model, floors) error{
		"tiny": b.tiny, "latency": b.latency, "larger": b.larger, "overload": b.overload, "cycles": b.cycles,
	}
	for _, part := range wanted {
		if err := run[part](ctx, models, f); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}
