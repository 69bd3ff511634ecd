package modelserver

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
)

// pipe asks a process of our own for inferences. Beside the gRPC connection, over which
// the process is watched, it costs a tenth: no streams, no headers, no goroutines between. It is safe
// for concurrent use.
type pipe struct {
	ends    pipeEnds
	inputs  []onnx.Info
	outputs []onnx.Info
	gone    func() // called once the pipe is broken

	free    *laneStack
	leaving sync.Mutex    // held while a cancellation is written
	broken  chan struct{} // closed once why is known
	once    sync.Once
	why     error
}

// pipeEnds are our ends of a pipe: as many lanes as there can be calls at once, at most maxLanes, and
// the connection by which the process is told of calls that nobody waits for any more.
type pipeEnds struct {
	lanes   []net.Conn
	cancels net.Conn
}

// Close closes all of them.
func (e pipeEnds) Close() error {
	return errors.Join(e.cancels.Close(), closeAll(e.lanes))
}

// newPipe takes the ends over. The tensors of calls are those of the model, in its
// order. gone is called once a call has found the pipe broken, or it was closed.
func newPipe(ends pipeEnds, inputs, outputs []onnx.Info, gone func()) *pipe {
	p := &pipe{ends: ends, inputs: inputs, outputs: outputs, gone: gone, free: newLaneStack(len(ends.lanes)), broken: make(chan struct{})}
	for i, conn := range ends.lanes {
		p.free.put(newLane(conn, i))
	}
	return p
}

// Infer runs the model. Errors are oip.Errors, or the context's.
func (p *pipe) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	in, err := onnx.Arrange(p.inputs, in)
	if err != nil {
		return nil, &oip.Error{Code: oip.Invalid, Err: err}
	}
	l, err := p.lane(ctx)
	if err != nil {
		return nil, err
	}
	l.call += maxLanes
	kind := frameInfer
	if p.free.full(1) && rowsOf(in) == 1 {
		kind, l.watch.soon = frameInferAlone, true
	}
	if serving.OnOneThread(ctx) {
		kind |= frameNarrow
	}
	b, err := appendTensors(startFrame(l.out[:0], l.call, kind), in)
	if err == nil {
		b, err = sealFrame(b)
	}
	if err != nil {
		p.free.put(l)
		return nil, err
	}
	if err := l.send(b); err != nil {
		return nil, p.fail(err)
	}
	f, left, err := l.receive(ctx)
	switch {
	case err != nil:
		return nil, p.fail(err)
	case left:
		p.cancel(l.call)
		go p.settle(l)
		return nil, ctx.Err()
	case f.call != l.call:
		return nil, p.fail(errFrame)
	}
	p.free.put(l)
	return p.answer(f)
}

// lane waits for one that is free.
func (p *pipe) lane(ctx context.Context) (*lane, error) {
	select {
	case <-p.broken:
		return nil, p.lost()
	default:
	}
	select {
	case <-p.free.tokens:
		return p.free.take(), nil
	case <-p.broken:
		return nil, p.lost()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// cancel tells the process that nobody waits for a call; if it can't be told, it is gone.
func (p *pipe) cancel(call uint64) {
	b, _ := sealFrame(startFrame(nil, call, frameCancel)) // short
	p.leaving.Lock()
	defer p.leaving.Unlock()
	if _, err := p.ends.cancels.Write(b); err != nil {
		_ = p.fail(err) // nobody waits
	}
}

// settle waits for the answer to a call that nobody waits for, after which its lane is free.
func (p *pipe) settle(l *lane) {
	f, _, err := l.receive(context.Background())
	if err == nil && f.call != l.call {
		err = errFrame
	}
	if err != nil {
		_ = p.fail(err) // as above
		return
	}
	p.free.put(l)
}

// fail notes that the pipe is broken, and is the error of the call that found out.
func (p *pipe) fail(err error) error {
	p.end(errors.Join(errBroken, err))
	return p.lost()
}

// end breaks the pipe, once: calls inside find their lanes closed.
func (p *pipe) end(why error) {
	p.once.Do(func() {
		p.why = errors.Join(why, p.ends.Close())
		close(p.broken)
		p.gone()
	})
}

// lost is the error of calls once the pipe is broken.
func (p *pipe) lost() error {
	<-p.broken
	return &oip.Error{Code: oip.Unavailable, Err: p.why}
}

// answer reads an answer, from a process that need not be trusted.
func (p *pipe) answer(f frame) ([]onnx.Tensor, error) {
	switch {
	case f.kind == frameOutputs:
		out, err := readTensors(f.body, p.outputs)
		if err != nil {
			return nil, oip.Errorf(oip.Internal, "the answer of the model's process: %s", err)
		}
		return out, nil
	case f.kind == frameError && len(f.body) > 0 && oip.Code(f.body[0]) <= oip.Gone:
		return nil, oip.Errorf(oip.Code(f.body[0]), "%s", clipped(f.body[1:]))
	}
	return nil, oip.Errorf(oip.Internal, "the answer of the model's process is none")
}

// clipped is a text from a process, cut to what fits an error.
func clipped(b []byte) string {
	const most = 4096
	return string(b[:min(len(b), most)])
}

// Close ends the pipe, and with it the calls inside.
func (p *pipe) Close() error {
	p.end(errBroken)
	return nil
}

func timeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// rowsOf is the first dimension of the first tensor; 0 where it has none.
func rowsOf(in []onnx.Tensor) int64 {
	if len(in) == 0 || len(in[0].Shape) == 0 {
		return 0
	}
	return in[0].Shape[0]
}
