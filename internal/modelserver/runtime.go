package modelserver

import (
	"context"
	"errors"

	"github.com/slipway-ml/slipway/internal/scratch"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Runtime starts a process for each model that it loads.
type Runtime struct {
	cfg  Config
	kind func(artifact []byte, config spec.Model) (kind, error)
}

var _ serving.Runtime = (*Runtime)(nil)

// NewONNX runs ONNX models, each in a process of this program, which must have
// given Entries to sandbox.Serve. Models load as soon as ONNX Runtime can be found.
func NewONNX(cfg Config) (*Runtime, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cores := serving.Cores()
	return &Runtime{cfg: cfg, kind: func(artifact []byte, config spec.Model) (kind, error) {
		return newOwn(cfg, artifact, config, cores)
	}}, nil
}

// NewProgram runs models by a program, one process each. This program must have
// given Entries to sandbox.Serve. What programs of a gateway that was killed have
// left in the temporary folder is removed.
func NewProgram(cfg Config, p Program) (*Runtime, error) {
	cfg = cfg.withDefaults()
	if err := errors.Join(cfg.validate(), p.validate()); err != nil {
		return nil, err
	}
	switch removed, err := scratch.Sweep("", programFolder); {
	case err != nil: // it takes room, and nothing else
		cfg.Logger.Warn("folders of programs that were killed stay", "error", err)
	case removed > 0:
		cfg.Logger.Info("folders of programs that were killed are removed", "folders", removed)
	}
	return &Runtime{cfg: cfg, kind: func(artifact []byte, config spec.Model) (kind, error) { return newForeign(cfg, p, artifact, config) }}, nil
}

// Load starts a process and waits until the model is ready in it. The process ends
// with the model's Close.
func (r *Runtime) Load(ctx context.Context, artifact []byte, config spec.Model) (serving.Model, error) {
	k, err := r.kind(artifact, config)
	if err != nil {
		return nil, err
	}
	s, err := newSession(ctx, r.cfg, k, config.Name, config.Version)
	if err != nil {
		return nil, err
	}
	m, err := serving.NewModel(s, config)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return m, nil
}
