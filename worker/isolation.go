package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// How models are kept apart from the gateway and from each other.
const (
	isolationProcess = "process" // each in a process of its own
	isolationNone    = "none"    // in the gateway's process
)

func isolations() []string { return []string{isolationProcess, isolationNone} }

func (c *config) isolationFlags(f *pflag.FlagSet) {
	f.StringVar(&c.Isolation, "isolation", c.Isolation, "where a gateway runs models: process (each in one of its own, confined) or none (in the gateway's) (SLIPWAY_ISOLATION)")
	f.IntVar(&c.ModelMemoryMB, "model-memory-mb", c.ModelMemoryMB, "most MiB of memory of a model's process; 0: no bound")
	f.StringVar(&c.Runtimes, "runtimes", c.Runtimes, "file that lists the programs which run models that are not ONNX; default none (SLIPWAY_RUNTIMES)")
	f.IntVar(&c.ModelNice, "model-nice", c.ModelNice, "how far other processes go before a model's where processors are short, up to 19; 0: not at all")
	f.IntVar(&c.ModelCores, "model-cores", c.ModelCores, "on how many processors a model's process runs; 0: on all")
}

// checkIsolation refuses settings of models' processes that mean nothing, and reads the programs.
func (c *config) checkIsolation() error {
	if !slices.Contains(isolations(), c.Isolation) {
		return usageError{fmt.Errorf("--isolation %q: want %s", c.Isolation, strings.Join(isolations(), " or "))}
	}
	if min(c.ModelMemoryMB, c.ModelCores) < 0 {
		return usageError{fmt.Errorf("--model-memory-mb and --model-cores: want at least 0, which is no bound")}
	}
	if c.ModelNice < 0 || c.ModelNice > 19 {
		return usageError{fmt.Errorf("--model-nice %d: want 0 to 19", c.ModelNice)}
	}
	if c.Runtimes != "" {
		var err error
		if c.programs, err = modelserver.ReadPrograms(c.Runtimes); err != nil {
			return usageError{fmt.Errorf("--runtimes: %w", err)}
		}
	}
	return nil
}

// runtime is what models that serve run on.
func (p *platform) runtime() (serving.Runtime, error) {
	cfg := p.cfg.modelServer(p.log)
	cfg.Narrow = true
	if p.cfg.Isolation == isolationNone {
		return p.cfg.selection(lazyRuntime{onnx.Options{Device: cfg.Device, DeviceMemory: cfg.DeviceMemory}}, cfg)
	}
	own, err := modelserver.NewONNX(cfg)
	if err != nil {
		return nil, err
	}
	return p.cfg.selection(own, cfg)
}

// testRuntime is what models that are not ONNX are tested on: processes within the limits of a spec.
func (p *platform) testRuntime(limits spec.Process) (serving.Runtime, error) {
	cfg := p.cfg.modelServer(p.log)
	cfg.Memory, cfg.CPU = int64(limits.MemoryMB*1e6), limits.CPUTime.D()
	own, err := modelserver.NewONNX(cfg)
	if err != nil {
		return nil, err
	}
	return p.cfg.selection(own, cfg)
}

func (c *config) modelServer(log *slog.Logger) modelserver.Config {
	return modelserver.Config{
		Device: onnx.Device(c.Device), DeviceMemory: int64(c.DeviceMemoryMB) << 20, Memory: int64(c.ModelMemoryMB) << 20, Cores: c.ModelCores, Nice: c.ModelNice, Logger: log,
	}
}

// selection adds the programs of the settings.
func (c *config) selection(onnx serving.Runtime, cfg modelserver.Config) (serving.Runtime, error) {
	return modelserver.Select(onnx, cfg, c.programs)
}

// lazyRuntime runs models in this process. It finds ONNX Runtime when a model is to
// be loaded: without the library a gateway lives, reports why its models fail, and
// serves once it is in place.
type lazyRuntime struct{ options onnx.Options }

func (l lazyRuntime) Load(ctx context.Context, artifact []byte, config spec.Model) (serving.Model, error) {
	r, err := onnx.Find()
	if err != nil {
		return nil, err
	}
	loaded, err := serving.NewONNX(r, l.options)
	if err != nil {
		return nil, err
	}
	return loaded.Narrowed().Load(ctx, artifact, config)
}
