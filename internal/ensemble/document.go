package ensemble

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Kind is what a Document says that it is.
const Kind = "ensemble"

// Bounds of a document.
const (
	MaxDocument = 256 << 10 // bytes
	MaxSteps    = 64
	maxTensors  = 1024 // inputs, outputs, and inputs of a step
	maxName     = 256  // bytes of a tensor's name
)

// Document says what an ensemble is made of. A tensor is called by its name if
// it is an input of the ensemble, and STEP.OUTPUT if a step makes it.
type Document struct {
	Kind string `yaml:"kind" json:"kind"`
	// Format is that of a packed document; 0 in one that people write.
	Format int `yaml:"format,omitempty" json:"format,omitempty"`
	// Inputs are the ensemble's, in order. Left out: all that steps take and no step makes.
	Inputs []string `yaml:"inputs,omitempty" json:"inputs,omitempty"`
	Steps  []Step   `yaml:"steps" json:"steps"`
	// Outputs are the ensemble's, in order.
	Outputs []Output `yaml:"outputs" json:"outputs"`
}

// Step runs a member once for each request, or for each batch of them.
type Step struct {
	Name  string `yaml:"name" json:"name"`
	Model Member `yaml:"model" json:"model"`
	// Inputs maps inputs of the member to tensors. What is left out takes the
	// ensemble's input of the same name.
	Inputs map[string]string `yaml:"inputs,omitempty" json:"inputs,omitempty"`
}

// Member is a model that a step runs: a version of the registry, or a file beside the document.
type Member struct {
	Name    string `yaml:"name,omitempty" json:"name,omitempty"`
	Version string `yaml:"version,omitempty" json:"version,omitempty"` // or an alias, until it is packed
	File    string `yaml:"file,omitempty" json:"file,omitempty"`
	// Runtime is what runs it, see spec.Model.RuntimeOf. Of a version of the registry, the registry knows.
	Runtime string `yaml:"runtime,omitempty" json:"runtime,omitempty"`
	// Digest is sha256:<hex> of its bytes. Where people state it, it must be found so.
	Digest string `yaml:"digest,omitempty" json:"digest,omitempty"`
}

func (m Member) String() string {
	if m.File != "" {
		return m.File
	}
	return m.Name + "/" + m.Version
}

// Output is an output of the ensemble.
type Output struct {
	Name string `yaml:"name" json:"name"`
	From string `yaml:"from" json:"from"` // STEP.OUTPUT
}

// Parse reads a document in YAML or JSON and checks all that can be known without
// its members: names, references, cycles, and that every step is of use.
func Parse(b []byte) (Document, error) {
	var d Document
	if len(b) > MaxDocument {
		return d, fmt.Errorf("ensemble: the document has %d bytes: want at most %d", len(b), MaxDocument)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(b))
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("there is nothing in it")
		}
		return Document{}, fmt.Errorf("ensemble: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Document{}, errors.New("ensemble: something follows the document: want one document in a file")
	}
	if err := d.validate(); err != nil {
		return Document{}, fmt.Errorf("ensemble: %w", err)
	}
	return d, nil
}

// IsDocument tells that a file which people wrote means to be a document: a
// mapping in YAML or JSON with the kind of an ensemble, whatever else is wrong with it.
func IsDocument(b []byte) bool {
	var head struct {
		Kind string `yaml:"kind"`
	}
	return len(b) <= MaxDocument && yaml.Unmarshal(b, &head) == nil && head.Kind == Kind
}
