package ensemble

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	stepName   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`) // no dot: it ends the name in STEP.OUTPUT
	modelName  = regexp.MustCompile(`^[^/@\s][^/@]{0,255}$`)      // as the registry takes them, of MLflow clients too
	digestText = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// validate checks what can be known without the members. All that is wrong with the parts is told at once.
func (d *Document) validate() error {
	if d.Kind != Kind {
		return fmt.Errorf("kind is %q: want %q", clip(d.Kind), Kind)
	}
	if d.Format != 0 && d.Format != format {
		return fmt.Errorf("format %d is not known here: want %d", d.Format, format)
	}
	if len(d.Steps) == 0 || len(d.Steps) > MaxSteps {
		return fmt.Errorf("steps: there are %d: want 1 to %d", len(d.Steps), MaxSteps)
	}
	var errs []error
	seen := map[string]bool{}
	for i, s := range d.Steps {
		if err := s.validate(); err != nil {
			errs = append(errs, fmt.Errorf("steps[%d]: %w", i, err))
		}
		if seen[s.Name] {
			errs = append(errs, fmt.Errorf("steps[%d]: the name %q is there twice", i, clip(s.Name)))
		}
		seen[s.Name] = true
	}
	if errs = append(errs, d.validateInputs(), d.validateOutputs(), d.validateReferences()); errors.Join(errs...) != nil {
		return errors.Join(errs...)
	}
	if err := d.acyclic(); err != nil {
		return err
	}
	return d.useful()
}

func (s Step) validate() error {
	m := s.Model
	switch {
	case !stepName.MatchString(s.Name):
		return fmt.Errorf("name %q: want lower-case letters, digits, - and _, at most 63", clip(s.Name))
	case m.File != "" && (m.Name != "" || m.Version != ""):
		return fmt.Errorf("step %s: model: it has a file and a name or version: want one of the two", s.Name)
	case m.File != "" && !filepath.IsLocal(filepath.FromSlash(m.File)):
		return fmt.Errorf("step %s: model.file %q: want a path below the document's folder", s.Name, clip(m.File))
	case m.File == "" && (!modelName.MatchString(m.Name) || !modelName.MatchString(m.Version)):
		return fmt.Errorf("step %s: model: want the name and the version of a registered model, or a file", s.Name)
	case m.Digest != "" && !digestText.MatchString(m.Digest):
		return fmt.Errorf("step %s: model.digest %q: want sha256: and 64 hexadecimal digits", s.Name, clip(m.Digest))
	case len(s.Inputs) > maxTensors:
		return fmt.Errorf("step %s: inputs: there are %d: want at most %d", s.Name, len(s.Inputs), maxTensors)
	}
	return nil
}

func (d *Document) validateInputs() error {
	if len(d.Inputs) > maxTensors {
		return fmt.Errorf("inputs: there are %d: want at most %d", len(d.Inputs), maxTensors)
	}
	for i, name := range d.Inputs {
		step, _ := d.reference(name)
		switch {
		case name == "" || len(name) > maxName:
			return fmt.Errorf("inputs[%d]: want a name of 1 to %d bytes", i, maxName)
		case step >= 0:
			return fmt.Errorf("input %s is called like an output of step %s: rename the step", clip(name), d.Steps[step].Name)
		case slices.Contains(d.Inputs[:i], name):
			return fmt.Errorf("input %s is there twice", clip(name))
		}
	}
	return nil
}

func (d *Document) validateOutputs() error {
	if len(d.Outputs) == 0 || len(d.Outputs) > maxTensors {
		return fmt.Errorf("outputs: there are %d: want 1 to %d", len(d.Outputs), maxTensors)
	}
	seen := map[string]bool{}
	for i, o := range d.Outputs {
		step, _ := d.reference(o.From)
		switch {
		case o.Name == "" || len(o.Name) > maxName:
			return fmt.Errorf("outputs[%d].name: want a name of 1 to %d bytes", i, maxName)
		case seen[o.Name]:
			return fmt.Errorf("output %s is there twice", clip(o.Name))
		case step < 0:
			return fmt.Errorf("output %s is from %q, which no step makes: want STEP.OUTPUT of the steps %s", clip(o.Name), clip(o.From), d.names())
		}
		seen[o.Name] = true
	}
	return nil
}

// validateReferences checks what the steps take, where the ensemble's inputs are listed.
func (d *Document) validateReferences() error {
	for _, s := range d.Steps {
		for _, input := range sorted(s.Inputs) {
			from := s.Inputs[input]
			if from == "" || len(from) > 2*maxName || input == "" || len(input) > maxName {
				return fmt.Errorf("step %s: inputs: want names of tensors, %d bytes at most", s.Name, maxName)
			}
			if step, _ := d.reference(from); step < 0 && d.Inputs != nil && !slices.Contains(d.Inputs, from) {
				return fmt.Errorf("step %s: input %s takes %q, which is neither an input of the ensemble nor STEP.OUTPUT of the steps %s", s.Name, clip(input), clip(from), d.names())
			}
		}
	}
	return nil
}

// reference is the step that makes a tensor and the output's name; -1: it is an input of the ensemble.
func (d *Document) reference(tensor string) (step int, output string) {
	name, output, dotted := strings.Cut(tensor, ".")
	if !dotted || output == "" {
		return -1, ""
	}
	return slices.IndexFunc(d.Steps, func(s Step) bool { return s.Name == name }), output
}

// before are the steps whose outputs a step takes.
func (d *Document) before(step int) []int {
	var out []int
	for _, from := range d.Steps[step].Inputs {
		if maker, _ := d.reference(from); maker >= 0 && !slices.Contains(out, maker) {
			out = append(out, maker)
		}
	}
	slices.Sort(out)
	return out
}

// acyclic refuses steps that wait for each other.
func (d *Document) acyclic() error {
	const (
		open = iota + 1
		done
	)
	state, path := make([]int, len(d.Steps)), []string(nil)
	var visit func(int) error
	visit = func(step int) error {
		path = append(path, d.Steps[step].Name)
		switch state[step] {
		case done:
		case open:
			return fmt.Errorf("steps wait for each other: %s", strings.Join(path[slices.Index(path, d.Steps[step].Name):], " takes from "))
		default:
			state[step] = open
			for _, maker := range d.before(step) {
				if err := visit(maker); err != nil {
					return err
				}
			}
			state[step] = done
		}
		path = path[:len(path)-1]
		return nil
	}
	for i := range d.Steps {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}

// useful refuses steps that no output depends on.
func (d *Document) useful() error {
	used := make([]bool, len(d.Steps))
	var mark func(int)
	mark = func(step int) {
		if used[step] {
			return
		}
		used[step] = true
		for _, maker := range d.before(step) {
			mark(maker)
		}
	}
	for _, o := range d.Outputs {
		step, _ := d.reference(o.From)
		mark(step)
	}
	if i := slices.Index(used, false); i >= 0 {
		return fmt.Errorf("no output depends on step %s: use what it makes, or leave it out", d.Steps[i].Name)
	}
	return nil
}

func (d *Document) names() string {
	names := make([]string, len(d.Steps))
	for i, s := range d.Steps {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

// clip keeps what a document says from flooding errors.
func clip(s string) string {
	const most = 100 // bytes
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
