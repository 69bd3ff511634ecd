package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/slipway-ml/slipway/examples/bench/internal/process"
	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// cycleCommand is the first argument with which this program loads and unloads a model instead of measuring.
const cycleCommand = "cycle"

// resident is the memory of the engine's process while it loads and unloads, in bytes, after each tenth.
type resident []int64

// runCycles loads a model into the engine's pool, as the gateway does, runs a row and drops the model again, many times, and
// prints a resident as JSON. It is a process of its own, so that its memory is the engine's alone.
func runCycles(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(cycleCommand, flag.ContinueOnError)
	device := flags.String("device", "cpu", "where the model runs")
	file := flags.String("model", "", "the ONNX file")
	n := flags.Int("n", 1000, "how often")
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	engine, err := modelserver.NewONNX(modelserver.Config{Device: onnx.Device(*device), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	var memory resident
	for i := range *n {
		if err := cycle(ctx, engine, data); err != nil {
			return fmt.Errorf("cycle %d: %w", i+1, err)
		}
		if tenth := max(*n/10, 1); (i+1)%tenth == 0 {
			debug.FreeOSMemory() // what is garbage does not count
			memory = append(memory, process.UsageOf(os.Getpid()).Resident)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(memory)
}

// cycle is one load and unload.
func cycle(ctx context.Context, engine serving.Runtime, data []byte) (err error) {
	changed := make(chan struct{}, 1)
	pool, err := serving.NewPool(serving.PoolConfig{
		Runtime: engine, Fetch: func(context.Context, string) ([]byte, error) { return data, nil },
		Changed: func() {
			select {
			case changed <- struct{}{}:
			default: // one word is waiting already
			}
		},
	})
	if err != nil {
		return err
	}
	// Closing waits until the model is gone.
	defer func() { err = errors.Join(err, pool.Close(ctx)) }()
	key := serving.Key{Model: "cycled", Version: version, Digest: "sha256:0"}
	if err := pool.Ensure([]serving.Desired{{Key: key, Config: spec.Model{Name: key.Model, Version: key.Version, Task: spec.Classification}}}); err != nil {
		return err
	}
	for !pool.Ready(key) {
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, s := range pool.Statuses() {
			if s.State == serving.Failed {
				return errors.New(s.Error)
			}
		}
	}
	lease, err := pool.Acquire(key)
	if err != nil {
		return err
	}
	defer lease.Release()
	return lease.Health(ctx)
}

// cycles has the engine load and unload the small model again and again.
func (b *bench) cycles(ctx context.Context, models []model, _ floors) error {
	m := models[1]
	progress("cycles: %d loads and unloads of %s", b.size.cycles, m.name)
	cmd := exec.CommandContext(ctx, b.self, cycleCommand, "-device", b.device, "-model", m.file, "-n", fmt.Sprint(b.size.cycles))
	cmd.Env = append(os.Environ(), onnx.LibraryVariable+"="+b.library)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, stderr.String())
	}
	var memory resident
	if err := json.Unmarshal(out, &memory); err != nil {
		return err
	}
	b.lines = append(b.lines, flatMemory(fmt.Sprintf("%d loads and unloads of %s: memory of the host's process", b.size.cycles, m.name), memory))
	return nil
}

// flatMemory compares memory at the end with that after a fifth, when everything that is made once has been made.
func flatMemory(what string, memory resident) line {
	early, last := memory[len(memory)/5], memory[len(memory)-1]
	return line{
		what: what, ours: fmt.Sprintf("%s after the first fifth, %s at the end", mebibytes(early), mebibytes(last)),
		ratio: fmt.Sprintf("%+.1f %%", 100*(float64(last)/float64(early)-1)), target: "at most + 5 %", verdict: judged(float64(last) <= 1.05*float64(early)),
	}
}
