package ensemble

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// graph is a document whose tensors have been found in its members.
type graph struct {
	inputs, outputs []onnx.Info
	nodes           []node
	results         []place // of the outputs
}

// node is a step in the graph.
type node struct {
	name  string
	takes []taken
	// needs is how many steps it waits for, and next are those that wait for it.
	needs int
	next  []int
	// outer tells that it takes an input of the ensemble.
	outer bool
}

// place is where a tensor stands: output index of a step, or, of step -1, input index of the ensemble.
type place struct{ step, index int }

// taken is an input of a member and where its tensor is.
type taken struct {
	name string
	from place
}

// signature is what a member takes and makes.
type signature struct{ inputs, outputs []onnx.Info }

// link finds every tensor of the document in the members' signatures, one for each
// step, and checks types and shapes from step to step.
func link(d Document, members []signature) (*graph, error) {
	l := linker{d: d, members: members, g: &graph{nodes: make([]node, len(d.Steps))}, at: map[string]int{}}
	for _, name := range d.Inputs {
		l.input(name)
	}
	for i := range d.Steps {
		if err := l.step(i); err != nil {
			return nil, fmt.Errorf("step %s: %w", d.Steps[i].Name, err)
		}
	}
	for i, in := range l.g.inputs {
		if in.Type == "" {
			return nil, fmt.Errorf("input %s is taken by no step", l.g.inputs[i].Name)
		}
	}
	if len(l.g.inputs) == 0 {
		return nil, errors.New("the ensemble has no inputs: every step takes what others make")
	}
	for _, o := range d.Outputs {
		step, output := d.reference(o.From)
		info, at, err := l.made(step, output)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", o.Name, err)
		}
		info.Name = o.Name
		l.g.outputs, l.g.results = append(l.g.outputs, info), append(l.g.results, at)
	}
	return l.g, nil
}

type linker struct {
	d       Document
	members []signature
	g       *graph
	at      map[string]int // of the ensemble's inputs, by name
}

// step finds what a step takes.
func (l *linker) step(i int) error {
	s, n := l.d.Steps[i], &l.g.nodes[i]
	n.name = s.Name
	before := map[int]bool{}
	for _, in := range l.members[i].inputs {
		from, given := s.Inputs[in.Name]
		if !given {
			if from = in.Name; l.d.Inputs != nil && !slices.Contains(l.d.Inputs, from) {
				return fmt.Errorf("input %s is given no tensor, and the ensemble has no input of that name", in)
			}
		}
		maker, output := -1, ""
		if given {
			maker, output = l.d.reference(from)
		}
		if maker < 0 {
			at, err := l.outer(from, in)
			if err != nil {
				return err
			}
			n.takes, n.outer = append(n.takes, taken{in.Name, at}), true
			continue
		}
		made, at, err := l.made(maker, output)
		if err != nil {
			return fmt.Errorf("input %s: %w", in.Name, err)
		}
		if _, ok := meet(made, in); !ok {
			return fmt.Errorf("input %s does not fit what step %s makes, %s", in, l.d.Steps[maker].Name, made)
		}
		n.takes, before[maker] = append(n.takes, taken{in.Name, at}), true
	}
	for _, input := range sorted(s.Inputs) {
		if !slices.ContainsFunc(l.members[i].inputs, func(in onnx.Info) bool { return in.Name == input }) {
			return fmt.Errorf("%s has no input %s: it takes %s", s.Model, clip(input), infos(l.members[i].inputs))
		}
	}
	n.needs = len(before)
	for maker := range before {
		l.g.nodes[maker].next = append(l.g.nodes[maker].next, i)
	}
	return nil
}

// input is the place of an input of the ensemble, which is made if it is not there.
func (l *linker) input(name string) int {
	i, ok := l.at[name]
	if !ok {
		i = len(l.g.inputs)
		l.at[name] = i
		l.g.inputs = append(l.g.inputs, onnx.Info{Name: name})
	}
	return i
}

// outer is an input of the ensemble, of which what a step takes of it is learned.
func (l *linker) outer(name string, in onnx.Info) (place, error) {
	i := l.input(name)
	at := place{-1, i}
	known := l.g.inputs[i]
	if known.Type == "" {
		known = onnx.Info{Name: name, Type: in.Type, Shape: slices.Clone(in.Shape)}
	}
	met, ok := meet(known, in)
	if !ok {
		return at, fmt.Errorf("input %s does not fit what others take of the ensemble's input, %s", in, known)
	}
	l.g.inputs[i] = met
	return at, nil
}

// made is an output of a step.
func (l *linker) made(step int, output string) (onnx.Info, place, error) {
	outputs := l.members[step].outputs
	i := slices.IndexFunc(outputs, func(o onnx.Info) bool { return o.Name == output })
	if i < 0 {
		return onnx.Info{}, place{}, fmt.Errorf("step %s (%s) has no output %s: it makes %s", l.d.Steps[step].Name, l.d.Steps[step].Model, clip(output), infos(outputs))
	}
	return outputs[i], place{step, i}, nil
}

// meet is what fits both; false: nothing does. Its name is that of the first.
func meet(a, b onnx.Info) (onnx.Info, bool) {
	switch {
	case a.Type != b.Type:
		return a, false
	case b.Shape == nil:
		return a, true
	case a.Shape == nil:
		a.Shape = slices.Clone(b.Shape)
		return a, true
	case len(a.Shape) != len(b.Shape):
		return a, false
	}
	a.Shape = slices.Clone(a.Shape)
	for i, d := range b.Shape {
		switch {
		case a.Shape[i] < 0:
			a.Shape[i] = d
		case d >= 0 && d != a.Shape[i]:
			return a, false
		}
	}
	return a, true
}

// infos lists tensors, of very many the first ones.
func infos(list []onnx.Info) string {
	const most = 12
	out := ""
	for i, info := range list {
		if i == most {
			return fmt.Sprintf("%s and %d more", out, len(list)-i)
		}
		if i > 0 {
			out += ", "
		}
		out += info.String()
	}
	return out
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
