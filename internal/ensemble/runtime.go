package ensemble

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Runtime loads packed ensembles.
type Runtime struct {
	// Members loads the members, each by what it runs on. Required.
	Members serving.Runtime
}

var _ serving.Runtime = Runtime{}

// Load loads the members one after the other, a member that several steps run once,
// and checks that their tensors fit. Members are run as the ensemble's deployment says.
func (r Runtime) Load(ctx context.Context, artifact []byte, config spec.Model) (_ serving.Model, err error) {
	bundle, err := Open(artifact)
	if err != nil {
		return nil, err
	}
	s := &session{config: config, steps: make([]*step, len(bundle.Steps))}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	loaded := map[string]serving.Model{}
	var places []int
	signatures := make([]signature, len(bundle.Steps))
	for i, d := range bundle.Steps {
		name := d.Model.Digest + " " + d.Model.Runtime
		model, ok := loaded[name]
		if !ok {
			member := bundle.Member(d.Model)
			if model, err = r.member(ctx, member, d, config); err != nil {
				return nil, fmt.Errorf("ensemble: step %s: %s: %w", d.Name, d.Model, err)
			}
			loaded[name] = model
			s.members = append(s.members, model)
			places = append(places, placesOf(model, member, config.Deployment))
		}
		s.steps[i] = &step{Step: d, model: model}
		signatures[i] = signature{model.Inputs(), model.Outputs()}
	}
	if s.graph, err = link(bundle.Document, signatures); err != nil {
		return nil, fmt.Errorf("ensemble: %w", err)
	}
	s.places = slices.Min(places)
	return serving.NewModel(s, config)
}

// placesOf is how many calls of a member may run at once: on a thread each if it is large and can do so.
func placesOf(m serving.Model, artifact []byte, d spec.Deployment) int {
	if m.Device() != string(onnx.DeviceCPU) {
		return 0
	}
	if n, ok := m.(serving.Narrowable); ok && n.Narrow() > 0 {
		return n.Narrow()
	}
	return serving.Places(d, len(artifact), serving.Cores())
}

func (r Runtime) member(ctx context.Context, artifact []byte, d Step, config spec.Model) (serving.Model, error) {
	m := spec.Model{Name: d.Model.Name, Version: d.Model.Version, Runtime: d.Model.Runtime, Task: config.Task, Deployment: config.Deployment}
	if d.Model.File != "" {
		m.Name, m.Version = nameOf(config.Name, d), config.Version
	}
	if m.RuntimeOf(artifact) == spec.RuntimeEnsemble {
		return nil, ErrNested
	}
	return r.Members.Load(ctx, artifact, m)
}

// ErrNested refuses an ensemble in an ensemble.
var ErrNested = errors.New("it is an ensemble itself, and an ensemble has none as a member: list its steps instead")

// nameOf is what a step's member is called: its name in the registry, or one of its own if it is a file.
func nameOf(ensemble string, d Step) string {
	if d.Model.File == "" {
		return d.Model.Name
	}
	return ensemble + "." + d.Name
}
