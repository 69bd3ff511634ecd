package modeltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
)

// errOvertime ends tests that take too long.
var errOvertime = errors.New("the tests took too long")

// hosted runs the tests of a model that is not ONNX. They ask it in the process that
// in.Runtime starts for it, and production in another: so nothing of a model
// is in this process, and the runtime bounds what theirs may take.
func hosted(ctx context.Context, p *parent, train *File) (_ Report, err error) {
	in, limit := p.in, p.in.Tests.Process.Time.D()
	if in.Runtime == nil {
		return Report{}, fmt.Errorf("%w: %s runs the model, and no runtimes are given here", serving.ErrNoRuntime, in.runtimeName())
	}
	if train != nil {
		if in.Train, err = dataset.NewSource(bytes.NewReader(train.Content), int64(len(train.Content)), train.Name, dataset.SourceOptions{}); err != nil {
			return Report{}, err
		}
		defer func() { err = errors.Join(err, in.Train.Close()) }()
	}
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if limit > 0 {
		timer := time.AfterFunc(limit, func() { cancel(errOvertime) })
		defer timer.Stop()
	}
	s := &suite{ctx: bounded, in: in, batch: max(1, in.Spec.Deployment.BatchSize)}
	memory := &processMemory{suite: s}
	s.memory, s.spent = memory, cancel
	report, err := s.all("the runtime "+in.runtimeName(), p.step)
	switch {
	case err == nil:
		report.Process.Isolated, report.Process.Barriers = true, memory.barriers
		return report, nil
	case ctx.Err() != nil:
	case errors.Is(context.Cause(bounded), errOvertime):
		p.bury(fmt.Sprintf("the tests took longer than %s (tests.process.time)", limit))
		return p.last.Report, nil
	case errors.Is(context.Cause(bounded), serving.ErrSpent):
		p.bury(fmt.Sprintf("the model used up its %s of processor time (tests.process.cpu_time)", in.Tests.Process.CPUTime.D()))
		return p.last.Report, nil
	}
	return Report{}, err
}

// processMemory is the memory of the process that the model under test runs in.
type processMemory struct {
	suite    *suite
	peak     int64
	barriers []string
}

// Resident is the resident memory now and the most that was ever seen; 0 where it cannot be told.
func (m *processMemory) Resident() (now, peak int64, err error) {
	model, ok := m.suite.session.(served)
	if !ok {
		return 0, m.peak, nil // the model was not loaded
	}
	if supervised, ok := model.Model.(serving.Supervised); ok {
		if process, ok := supervised.Process(); ok {
			now, m.barriers = process.Resident, process.Barriers
			if most, err := sandbox.PeakMemory(process.PID); err == nil { // else it has just ended
				m.peak = max(m.peak, most)
			}
		}
	}
	m.peak = max(m.peak, now)
	return now, m.peak, nil
}
