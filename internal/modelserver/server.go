package modelserver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// overstay is how long a computation may go on after its call has ended before the
// process counts as not ready any more, and is replaced.
const overstay = 10 * time.Second

// runner runs tensors. A serving.Model is one.
type runner interface {
	Inputs() []onnx.Info
	Outputs() []onnx.Info
	Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error)
}

// server is what a model's process answers: one model, as it is.
type server struct {
	model         runner
	name, version string
	overstay      time.Duration
	stuck         atomic.Int64 // computations that overstay
}

var _ oip.Backend = (*server)(nil)

func newServer(m runner, name, version string) *server {
	return &server{model: m, name: name, version: version, overstay: overstay}
}

// Ready implements oip.Backend.
func (s *server) Ready() bool { return s.stuck.Load() == 0 }

// Metadata implements oip.Backend.
func (s *server) Metadata(model, version string) (oip.Metadata, error) {
	if err := s.known(model, version); err != nil {
		return oip.Metadata{}, err
	}
	return oip.Metadata{Name: s.name, Versions: []string{s.version}, Platform: "onnxruntime_onnx", Inputs: s.model.Inputs(), Outputs: s.model.Outputs()}, nil
}

func (s *server) known(model, version string) error {
	if model != s.name || version != "" && version != s.version {
		return oip.Errorf(oip.NotFound, "Request for unknown model: this is %s version %s", s.name, s.version)
	}
	return nil
}

// Infer implements oip.Backend.
func (s *server) Infer(ctx context.Context, r oip.Request) (oip.Response, error) {
	if err := s.known(r.Model, r.Version); err != nil {
		return oip.Response{}, err
	}
	defer s.guard(ctx)()
	out, err := s.model.Infer(ctx, r.Inputs)
	if errors.Is(err, onnx.ErrInput) {
		err = &oip.Error{Code: oip.Invalid, Err: err}
	}
	return oip.Response{Model: s.name, Version: s.version, Outputs: out}, err
}

// guard counts a computation that goes on long after its call has ended, until
// the function that it returns is called.
func (s *server) guard(ctx context.Context) (over func()) {
	late := make(chan *time.Timer, 1)
	stop := context.AfterFunc(ctx, func() { late <- time.AfterFunc(s.overstay, func() { s.stuck.Add(1) }) })
	return func() {
		if stop() {
			return
		}
		if timer := <-late; !timer.Stop() {
			s.stuck.Add(-1)
		}
	}
}

// Statistics implements oip.Backend: who asks this process keeps its own.
func (s *server) Statistics(string, string) ([]oip.Statistics, error) {
	return nil, oip.Errorf(oip.Unsupported, "statistics are the gateway's")
}

// Index implements oip.Backend.
func (s *server) Index(context.Context) []oip.Entry {
	return []oip.Entry{{Name: s.name, Version: s.version, State: "READY"}}
}

// Load implements oip.Backend: there is one model.
func (s *server) Load(context.Context, oip.LoadRequest) error {
	return oip.Errorf(oip.Unsupported, "this process serves one model")
}

// Unload implements oip.Backend: the process ends instead.
func (s *server) Unload(context.Context, string) error {
	return oip.Errorf(oip.Unsupported, "this process serves one model")
}

// Authorized implements oip.Backend: nobody else has the connection.
func (s *server) Authorized(string) bool { return true }

// Operator implements oip.Backend: nothing can be loaded here.
func (s *server) Operator(string) bool { return false }
