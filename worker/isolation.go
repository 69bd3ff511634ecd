package main

import (
	"context"
	"fmt"
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
	f.IntVar(&c.ModelCores, "model-cores", c.ModelCores, "on how many processors a model's process runs; 0: on all")
}

// checkIsolation refuses settings of models' processes that mean nothing.
func (c *config) checkIsolation() error {
	if !slices.Contains(isolations(), c.Isolation) {
		return usageError{fmt.Errorf("--isolation %q: want %s", c.Isolation, strings.Join(isolations(), " or "))}
	}
	if min(c.ModelMemoryMB, c.ModelCores) < 0 {
		return usageError{fmt.Errorf("--model-memory-mb and --model-cores: want at least 0, which is no bound")}
	}
	return nil
}

// runtime is what the gateway runs models with.
func (p *platform) runtime() (serving.Runtime, error) {
	device, deviceMemory := onnx.Device(p.cfg.Device), int64(p.cfg.DeviceMemoryMB)<<20
	if p.cfg.Isolation == isolationNone {
		return lazyRuntime{onnx.Options{Device: device, DeviceMemory: deviceMemory}}, nil
	}
	return modelserver.NewONNX(modelserver.Config{
		Device: device, DeviceMemory: deviceMemory, Memory: int64(p.cfg.ModelMemoryMB) << 20, Cores: p.cfg.ModelCores, Logger: p.log,
	})
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
	return loaded.Load(ctx, artifact, config)
}
