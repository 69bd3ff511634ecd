package modelserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/ensemble"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Selection loads each model by the runtime that it needs, see spec.Model.RuntimeOf.
type Selection struct {
	runtimes map[string]serving.Runtime
}

var _ serving.Runtime = (*Selection)(nil)

// Select runs models in ONNX by the given runtime, others by the programs, and ensembles by what their members need.
func Select(onnx serving.Runtime, cfg Config, programs []Program) (*Selection, error) {
	if onnx == nil {
		return nil, errors.New("select runtimes: one for ONNX is required")
	}
	s := &Selection{runtimes: map[string]serving.Runtime{spec.RuntimeONNX: onnx}}
	for _, p := range programs {
		if s.runtimes[p.Name] != nil {
			return nil, fmt.Errorf("runtime %s is there twice", p.Name)
		}
		r, err := NewProgram(cfg, p)
		if err != nil {
			return nil, err
		}
		s.runtimes[p.Name] = r
	}
	if s.runtimes[spec.RuntimeEnsemble] != nil {
		return nil, fmt.Errorf("runtime %s is one of Slipway's own: give the program another name", spec.RuntimeEnsemble)
	}
	s.runtimes[spec.RuntimeEnsemble] = ensemble.Runtime{Members: s}
	return s, nil
}

// Load loads the model by its runtime. The error wraps serving.ErrNoRuntime if there is none of its name.
func (s *Selection) Load(ctx context.Context, artifact []byte, config spec.Model) (serving.Model, error) {
	name := config.RuntimeOf(artifact)
	r, ok := s.runtimes[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q, which %s %s needs, is none of %s; name it in the file of --runtimes (docs/runtimes.md)",
			serving.ErrNoRuntime, name, config.Name, config.Version, strings.Join(slices.Sorted(maps.Keys(s.runtimes)), ", "))
	}
	return r.Load(ctx, artifact, config)
}
