package oip

import (
	"context"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Request asks a model for an inference.
type Request struct {
	Model, Version string // Version empty: the server chooses
	ID             string // echoed
	// Parameters are the request's: strings, bools, int64 and float64.
	Parameters map[string]any
	Inputs     []onnx.Tensor
	Outputs    []Output // none: all
}

// Output is an output that is asked for.
type Output struct {
	Name   string
	Binary *bool // REST: as a binary tensor; nil: as the request says
	// Classes, if not zero, asks for the so many largest values as "value:index" instead of the tensor.
	Classes int
}

// Response answers a Request.
type Response struct {
	Model, Version string
	Outputs        []onnx.Tensor
}

// Metadata describes a model.
type Metadata struct {
	Name            string
	Versions        []string
	Platform        string
	Inputs, Outputs []onnx.Info
	// MaxBatch is how many rows run at once at most; 0: requests are not put together.
	MaxBatch int
	// MaxDelayMicroseconds is how long a request may be held back for others.
	MaxDelayMicroseconds uint64
	// Preferred are numbers of rows at which nothing is held back any longer.
	Preferred []int32
	// Instances is how many batches run at once, Device where: "cpu" or "cuda".
	Instances int32
	Device    string
	// ResponseCache tells that answers are kept, to be given again.
	ResponseCache bool
	// Steps are what an ensemble is made of; nil: it is none.
	Steps []Step
	// Resources are what a running batch takes of what models share; the one of Priority N gets 1/N of the turns of one of priority 1.
	Resources []Resource
	Priority  int
	// Unready says why the model, which is loaded, does not answer; nil: it does, as far as is known.
	Unready error
}

// Step is a step of an ensemble.
type Step struct {
	Model   string
	Version int64 // -1: the one that there is
	// Inputs and Outputs map the tensors of the step's model to those of the ensemble.
	Inputs, Outputs map[string]string
}

// Resource is what a running batch takes of something that models share.
type Resource struct {
	Name   string `json:"name"`
	Global bool   `json:"global"` // all devices share it
	Count  int    `json:"count"`
}

// LoadRequest asks for a model to be served.
type LoadRequest struct {
	Model string
	// Config is JSON that replaces parts of the model's configuration; empty: nothing is replaced.
	Config string
	// Files are the names of the files that the request brings.
	Files []string
}

// States of a version in the repository's index.
const (
	StateReady       = "READY"
	StateLoading     = "LOADING"
	StateUnavailable = "UNAVAILABLE"
)

// Entry is a line of the repository's index.
type Entry struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

// Backend is what is served. Errors are Errors, or count as Internal. An empty
// version is the one that the server would choose.
type Backend interface {
	// Ready tells that the server can answer.
	Ready() bool
	// Metadata describes a model that is loaded.
	Metadata(model, version string) (Metadata, error)
	// Infer runs a model. The tensors are complete, but need not fit the model.
	Infer(ctx context.Context, r Request) (Response, error)
	// Statistics of a model, or of all models if the name is empty.
	Statistics(model, version string) ([]Statistics, error)
	// Index lists all versions that the server knows.
	Index(ctx context.Context) []Entry
	// Load and Unload ask for a change of what is served. Load returns when the model is ready.
	Load(ctx context.Context, r LoadRequest) error
	Unload(ctx context.Context, model string) error
	// Authorized tells whether a token, the part of the header after "Bearer", may ask for inferences.
	Authorized(token string) bool
	// Operator tells whether a token may load and unload.
	Operator(token string) bool
}

// Admitter is a Backend that can refuse a request before it is read. It is asked for those without a
// priority of their own; an error is the answer.
type Admitter interface {
	Admits(ctx context.Context, model, version string) error
}

// Composer is a Backend whose models may be made of others. Clients that measure an ensemble ask
// for the configuration and the statistics of its members.
type Composer interface {
	// Member describes a model that runs as part of an ensemble; false if there is none. It answers nobody by itself.
	Member(model, version string) (Metadata, bool)
}

// configured is what the configuration of a model is made of.
func configured(b Backend, model, version string) (Metadata, error) {
	m, err := b.Metadata(model, version)
	if c, ok := b.(Composer); ok && err != nil && codeOf(err) == NotFound {
		if member, ok := c.Member(model, version); ok {
			return member, nil
		}
	}
	return m, err
}

// Identity is what the server says of itself.
type Identity struct {
	Name    string // some clients want "triton"; the model repository is called so too
	Version string
}

// Extensions that are served, beside those of an Adjustable.
var extensions = []string{"classification", "model_repository", "schedule_policy", "model_configuration", "binary_tensor_data", "parameters", "statistics"}
