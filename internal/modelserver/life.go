package modelserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
)

// Reasons for which a process is ended.
var (
	errHung   = errors.New("it did not answer whether it is ready")
	errUnfit  = errors.New("it says that it is not ready any more")
	errClosed = errors.New("the model was unloaded")
	errLate   = errors.New("it was not ready in time")
)

// lastWords is how long a process whose connection is gone has to end by itself
// and thereby say more than that.
const lastWords = 200 * time.Millisecond

// life is one process from its start to its end.
type life struct {
	client *oip.Client
	pipe   *pipe // nil: inferences go through the client
	conn   *grpc.ClientConn
	meta   oip.Metadata
	device string
	since  time.Time

	pid      atomic.Int64
	barriers atomic.Pointer[[]string]
	said     atomic.Pointer[started]

	ctx   context.Context // ends with the process or before; its cause is why
	stop  context.CancelCauseFunc
	ended chan struct{} // closed once the process is gone
}

// started is what a process of our own says when its model is loaded.
type started struct {
	Device string `json:"device"`
	// Examples are values that the model takes; see serving.Exemplified.
	Examples map[string]any `json:"examples,omitempty"`
}

// begin starts a process and waits until its model is ready. The process lives
// until it ends, or stop is called, or outer ends.
func begin(ctx, outer context.Context, cfg Config, l *launch, name, version string) (*life, error) {
	p := &life{since: time.Now(), device: l.device, ended: make(chan struct{})}
	p.ctx, p.stop = context.WithCancelCause(outer)
	go p.run(cfg, l, name, version)
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.StartTimeout, fmt.Errorf("%w: %s", errLate, cfg.StartTimeout))
	defer cancel()
	ctx, quit := context.WithCancelCause(ctx)
	defer context.AfterFunc(p.ctx, func() { quit(context.Cause(p.ctx)) })()
	conn, err := l.connect(ctx)
	if err == nil {
		err = p.attach(ctx, cfg, conn, name, version)
	}
	if err == nil {
		if l.pipe != nil {
			p.pipe = newPipe(*l.pipe, p.meta.Inputs, p.meta.Outputs, p.cut)
		}
		return p, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx) // says more than what failed by it
	}
	if l.pipe != nil {
		err = errors.Join(err, l.pipe.Close())
	}
	p.stop(err)
	<-p.ended
	if p.conn != nil {
		err = errors.Join(err, p.conn.Close())
	}
	return nil, err
}

// run runs the process to its end.
func (p *life) run(cfg Config, l *launch, name, version string) {
	defer close(p.ended)
	log := cfg.Logger.With("model", name, "version", version)
	output := &lines{log: func(line string) { log.Info("a model's process says", "line", line) }}
	l.command.Stderr = output
	l.command.Started = func(pid int) {
		p.pid.Store(int64(pid))
		if err := l.release(); err != nil {
			log.Warn("a file of a model's process stays open", "error", err)
		}
	}
	l.command.Barriers = func(held []string) { p.barriers.Store(&held) }
	l.command.Message = func(body json.RawMessage) error {
		var s started
		if err := json.Unmarshal(body, &s); err != nil {
			return fmt.Errorf("read what the model's process says: %w", err)
		}
		p.said.Store(&s)
		return nil
	}
	usage, err := sandbox.Run(p.ctx, l.command)
	output.flush()
	if err == nil {
		err = errBroken // a process of our own ends well when its connection is closed
	}
	l.ended(usage, err)
	p.stop(errors.Join(err, l.release())) // if it was not stopped before, this is why
}

// attach makes the connection the process's and waits until the model is ready.
func (p *life) attach(ctx context.Context, cfg Config, conn net.Conn, name, version string) (err error) {
	p.conn, err = dial(conn, cfg.StartTimeout, p.cut)
	if err != nil {
		return err
	}
	p.client = oip.NewClient(p.conn, name, version)
	if err := await(ctx, p.client); err != nil {
		return err
	}
	if p.meta, err = p.client.Metadata(ctx); err != nil {
		return fmt.Errorf("ask the model's process for its inputs and outputs: %w", err)
	}
	if said := p.said.Load(); said != nil && p.device == "" {
		p.device = said.Device
	}
	return nil
}

// cut is called when a connection is gone.
func (p *life) cut() {
	select {
	case <-p.ctx.Done():
		return
	default:
	}
	go func() {
		select {
		case <-p.ended:
		case <-time.After(lastWords):
			p.stop(errBroken)
		}
	}()
}

// infer runs the model the shortest way. Errors are oip.Errors, or the context's.
func (p *life) infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	if p.pipe != nil {
		return p.pipe.Infer(ctx, in)
	}
	return p.client.Infer(ctx, in)
}

// await asks until the model is ready.
func await(ctx context.Context, c *oip.Client) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		ready, err := c.Ready(ctx, grpc.WaitForReady(true))
		if err != nil {
			return fmt.Errorf("ask the model's process whether it is ready: %w", err)
		}
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// watch asks now and then whether the process is ready, until it ends, and returns
// once it is gone.
func (p *life) watch(every, timeout time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			_ = p.conn.Close() // fails the calls inside, if they have not yet
			if p.pipe != nil {
				_ = p.pipe.Close() // as above
			}
			<-p.ended
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(p.ctx, timeout)
		ready, err := p.client.Ready(ctx)
		late := ctx.Err() != nil
		cancel()
		switch {
		case late:
			p.stop(fmt.Errorf("%w within %s", errHung, timeout))
		case err == nil && !ready:
			p.stop(errUnfit)
		}
	}
}
