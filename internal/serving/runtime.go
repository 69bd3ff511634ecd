package serving

import (
	"context"
	"errors"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Errors of a call. Others are the context's.
var (
	// ErrInput: the rows do not fit the model; the caller's mistake. It is the
	// error by which the mapping onto a model's inputs speaks too.
	ErrInput = onnx.ErrInput
	// ErrModel: the model failed on rows that fit, or answered what is no number.
	ErrModel = errors.New("model failed")
	// ErrBusy: as many calls wait for the instance as may.
	ErrBusy = errors.New("too many requests are waiting for the model")
	// ErrNotReady: the version is not loaded, or not any more.
	ErrNotReady = errors.New("model version is not ready")
	// ErrSpent: the model's process has used up the processor time that it may have, and is not started again. It comes with ErrNotReady.
	ErrSpent = errors.New("the model has used up its processor time")
	// ErrNoRuntime: there is no runtime of that name here; the operator's mistake.
	ErrNoRuntime = errors.New("there is no such runtime here")
	// ErrUnproven: the model failed on a made-up row, and no real row has been
	// answered yet that would prove it works.
	ErrUnproven = errors.New("model failed on a row of zeros and has answered no real row yet")
)

// Key identifies a model version by name and content.
type Key struct {
	Model   string
	Version string
	Digest  string // sha256:<hex> of the artifact
}

func (k Key) String() string { return k.Model + "/" + k.Version }

// Runtime loads one kind of model.
type Runtime interface {
	// Load makes a model of its file's bytes. It may take long and ends early with ctx.
	Load(ctx context.Context, artifact []byte, config spec.Model) (Model, error)
}

// Model is a loaded model. Its methods may be called at the same time, Close last.
type Model interface {
	// Inputs and Outputs describe the tensors of Infer, in the model's order.
	Inputs() []onnx.Info
	Outputs() []onnx.Info
	// Infer runs the model once and returns every output. The inputs may come in
	// any order. Errors wrap ErrInput, ErrModel or ErrNotReady, or are the context's.
	Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error)
	// Tensors maps rows onto the inputs without running the model; the error wraps
	// ErrInput, also for a model whose inputs are no columns. An Input of tensors is returned as it is.
	Tensors(in Input) ([]onnx.Tensor, error)
	// Predictions reads one prediction a row from the outputs; the error wraps ErrModel.
	Predictions(out []onnx.Tensor) ([]feature.Prediction, error)
	// Zero is one made-up row that Tensors takes: zeros, or what the model is known to know.
	Zero() Input
	// Columns names the model's input columns; nil if the model names none.
	Columns() []string
	// Device is where the model runs: "cpu" or "cuda".
	Device() string
	Close() error
}
