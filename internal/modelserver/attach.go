package modelserver

import (
	"context"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Attach serves a model that a process has which somebody else started. It waits
// until the model is ready. Closing the model leaves process and connection alone.
func Attach(ctx context.Context, c grpc.ClientConnInterface, config spec.Model, device onnx.Device) (serving.Model, error) {
	client := oip.NewClient(c, config.Name, config.Version)
	if err := await(ctx, client); err != nil {
		return nil, err
	}
	meta, err := client.Metadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the model's process for its inputs and outputs: %w", err)
	}
	return serving.NewModel(&attached{client: client, meta: meta, device: device}, config)
}

// attached is a model in a process that is not watched.
type attached struct {
	client *oip.Client
	meta   oip.Metadata
	device onnx.Device
}

var _ serving.Session = (*attached)(nil)

func (a *attached) Inputs() []onnx.Info  { return a.meta.Inputs }
func (a *attached) Outputs() []onnx.Info { return a.meta.Outputs }
func (a *attached) Device() string       { return string(a.device) }
func (a *attached) Close() error         { return nil }

func (a *attached) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	out, err := a.client.Infer(ctx, in)
	if err != nil {
		return nil, judge(ctx, err)
	}
	return out, promised(a.meta.Outputs, out)
}

// Started is a program that serves a model and is not started again when it ends.
type Started struct {
	life *life
	kind *foreign
}

// StartProgram starts a program for a model and waits until the model is ready.
func StartProgram(ctx context.Context, cfg Config, p Program, artifact []byte, config spec.Model) (*Started, error) {
	cfg = cfg.withDefaults()
	if err := errors.Join(cfg.validate(), p.validate()); err != nil {
		return nil, err
	}
	k, err := newForeign(cfg, p, artifact, config)
	if err != nil {
		return nil, err
	}
	l, err := k.launch()
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	started, err := begin(ctx, context.Background(), cfg, l, config.Name, config.Version)
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	return &Started{life: started, kind: k}, nil
}

// Dial opens a further connection to the program.
func (s *Started) Dial(ctx context.Context) (net.Conn, error) { return s.kind.connect(ctx) }

// Device is where the program was told to run.
func (s *Started) Device() onnx.Device { return onnx.Device(s.life.device) }

// Barriers lists what holds the program.
func (s *Started) Barriers() []string { return s.life.held() }

// Ended is closed once the program has ended; Err then says why.
func (s *Started) Ended() <-chan struct{} { return s.life.ended }

// Err is why the program has ended, or is being ended; nil before.
func (s *Started) Err() error { return context.Cause(s.life.ctx) }

// Close ends the program and waits for that.
func (s *Started) Close() error {
	s.life.stop(errClosed)
	err := s.life.conn.Close()
	<-s.life.ended
	return errors.Join(err, s.kind.close())
}
