package ensemble

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Platform is what the inference protocol calls ensembles.
const Platform = "ensemble"

// session is a loaded ensemble.
type session struct {
	config  spec.Model
	graph   *graph
	steps   []*step
	members []serving.Model // each once
	places  int             // see Narrow
}

var (
	_ serving.Session     = (*session)(nil)
	_ serving.Supervised  = (*session)(nil)
	_ serving.Exemplified = (*session)(nil)
	_ serving.Described   = (*session)(nil)
	_ serving.Composed    = (*session)(nil)
	_ serving.Narrowable  = (*session)(nil)
)

// step is a step and what it has done.
type step struct {
	Step
	model   serving.Model
	counter serving.Counter
}

// Inputs implements serving.Session.
func (s *session) Inputs() []onnx.Info { return s.graph.inputs }

// Outputs implements serving.Session.
func (s *session) Outputs() []onnx.Info { return s.graph.outputs }

// Platform implements serving.Described.
func (s *session) Platform() string { return Platform }

// Device implements serving.Session: an accelerator, if one of the members runs on it.
func (s *session) Device() string {
	device := s.members[0].Device()
	for _, m := range s.members[1:] {
		if d := m.Device(); d != string(onnx.DeviceCPU) {
			device = d
		}
	}
	return device
}

// Infer implements serving.Session.
func (s *session) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	in, err := onnx.Arrange(s.graph.inputs, in)
	if err != nil {
		return nil, err
	}
	return s.graph.run(ctx, in, s.infer)
}

// infer runs one step.
func (s *session) infer(ctx context.Context, i int, in []onnx.Tensor) ([]onnx.Tensor, error) {
	step, start := s.steps[i], time.Now()
	out, err := step.model.Infer(ctx, in)
	if err == nil {
		out, err = inOrder(step.model.Outputs(), out)
	}
	end := time.Now()
	step.counter.Ran(rows(in), end.Sub(start), err)
	serving.NoteStep(ctx, serving.StepRun{Name: step.Name, Model: nameOf(s.config.Name, step.Step), Version: s.version(step), Started: start, Ended: end, Err: err})
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, serving.ErrInput) && !s.graph.nodes[i].outer: // what other members made is no fault of the caller
		return nil, fmt.Errorf("%w: step %s (%s): %s", serving.ErrModel, step.Name, step.Model, err.Error())
	}
	return nil, fmt.Errorf("step %s (%s): %w", step.Name, step.Model, err)
}

func rows(in []onnx.Tensor) int64 {
	if len(in) == 0 {
		return 1
	}
	return in[0].Rows()
}

// Examples implements serving.Exemplified: what members know of the ensemble's inputs.
func (s *session) Examples() map[string]any {
	out := map[string]any{}
	for i, n := range s.graph.nodes {
		known, ok := s.steps[i].model.(serving.Exemplified)
		if !ok {
			continue
		}
		examples := known.Examples()
		for _, t := range n.takes {
			if v, ok := examples[t.name]; ok && t.from.step < 0 {
				out[s.graph.inputs[t.from.index].Name] = v
			}
		}
	}
	return out
}

// Process implements serving.Supervised: the members' processes together.
func (s *session) Process() (serving.Process, bool) {
	all, any := serving.Process{}, false
	var down []string
	for _, m := range s.members {
		supervised, ok := m.(serving.Supervised)
		if !ok {
			continue
		}
		p, ok := supervised.Process()
		if !ok {
			continue
		}
		if !any {
			all.PID, all.Barriers = p.PID, p.Barriers
		}
		any = true
		name := s.nameOf(m)
		all.Members = append(all.Members, serving.MemberProcess{Name: name, Process: p})
		all.Restarts += p.Restarts
		all.Resident += p.Resident
		if p.Since.After(all.Since) {
			all.Since = p.Since
		}
		if p.Down != "" {
			down = append(down, name+": "+p.Down)
		}
	}
	all.Down = strings.Join(down, "; ")
	return all, any
}

// nameOf names a member.
func (s *session) nameOf(m serving.Model) string {
	for _, step := range s.steps {
		if step.model == m {
			return step.Model.String()
		}
	}
	return ""
}

// version is that of what a step runs: the ensemble's, if it is a file.
func (s *session) version(step *step) string {
	if step.Model.File != "" {
		return s.config.Version
	}
	return step.Model.Version
}

// Narrow implements serving.Narrowable: as many calls at once as every member can take, large ones on a thread each.
func (s *session) Narrow() int { return s.places }

// Steps implements serving.Composed.
func (s *session) Steps() []serving.Step {
	out := make([]serving.Step, len(s.steps))
	for i, step := range s.steps {
		out[i] = serving.Step{
			Name: step.Name, Model: nameOf(s.config.Name, step.Step), Version: s.version(step), Member: serving.SignatureOf(step.model),
			Inputs: map[string]string{}, Outputs: map[string]string{}, Counts: step.counter.Counts(),
		}
	}
	for i, n := range s.graph.nodes {
		for _, t := range n.takes {
			out[i].Inputs[t.name] = s.tensor(t.from)
			if t.from.step >= 0 {
				out[t.from.step].Outputs[s.output(t.from)] = s.tensor(t.from)
			}
		}
	}
	for _, at := range s.graph.results {
		out[at.step].Outputs[s.output(at)] = s.tensor(at)
	}
	return out
}

func (s *session) output(at place) string { return s.steps[at.step].model.Outputs()[at.index].Name }

// tensor is what the ensemble calls a tensor: its input, its output, or STEP.OUTPUT.
func (s *session) tensor(at place) string {
	if at.step < 0 {
		return s.graph.inputs[at.index].Name
	}
	for i, result := range s.graph.results {
		if result == at {
			return s.graph.outputs[i].Name
		}
	}
	return s.steps[at.step].Name + "." + s.output(at)
}

// Close implements serving.Session.
func (s *session) Close() error {
	errs := make([]error, len(s.members))
	for i, m := range s.members {
		errs[i] = m.Close()
	}
	return errors.Join(errs...)
}
