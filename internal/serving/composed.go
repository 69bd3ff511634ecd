package serving

import (
	"context"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Composed is a Session or Model that is made of steps, each of which runs a model.
type Composed interface {
	Steps() []Step
}

// Step is a part of a composed model and what it has done.
type Step struct {
	Name string
	// Model and Version are what it runs.
	Model, Version string
	// Member describes the tensors of that model.
	Member Signature
	// Inputs and Outputs map the tensors of that model to those of the whole.
	Inputs, Outputs map[string]string
	// Counts count its runs: one for each batch of the whole.
	Counts Counts
}

// StepRun is one run of a step.
type StepRun struct {
	Name           string
	Model, Version string
	Started, Ended time.Time
	Err            error // how it ended
}

// stepLog gathers the runs of one batch.
type stepLog struct {
	mu   sync.Mutex
	runs []StepRun
}

type stepLogKey struct{}

// NoteStep tells whoever traces the batch of ctx that a step of it has run.
func NoteStep(ctx context.Context, r StepRun) {
	if l, ok := ctx.Value(stepLogKey{}).(*stepLog); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.runs = append(l.runs, r)
	}
}

// Signature describes the tensors of a model, and what kind it is of.
type Signature struct {
	Platform, Device string
	Inputs, Outputs  []onnx.Info
}

// SignatureOf describes a model.
func SignatureOf(m Model) Signature {
	return Signature{Platform: platformOf(m), Device: m.Device(), Inputs: m.Inputs(), Outputs: m.Outputs()}
}

// Counter counts the runs of a step. Its zero value is ready.
type Counter struct{ counts counts }

// Ran counts a run with so many rows; the error is its end.
func (c *Counter) Ran(rows int64, took time.Duration, err error) {
	c.counts.request(took, err)
	if err == nil {
		c.counts.add(Batch{Rows: rows, Requests: 1, Cut: CutTurn, Queue: []time.Duration{0}, Compute: took})
	}
}

// Counts is what has been counted.
func (c *Counter) Counts() Counts { return c.counts.read() }

// Steps implements Composed for a session that does; nil for others.
func (m *model) Steps() []Step {
	if c, ok := m.Session.(Composed); ok {
		return c.Steps()
	}
	return nil
}

// Steps are those of a composed model; nil for others.
func (i *Instance) Steps() []Step {
	if c, ok := i.model.(Composed); ok {
		return c.Steps()
	}
	return nil
}
