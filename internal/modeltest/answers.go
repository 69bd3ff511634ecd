package modeltest

import (
	"context"
	"errors"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/spec"
)

// answers are what production in another runtime has answered to the test rows,
// or why it has not. A candidate in ONNX is tested in a child that can reach no
// other process, so production is asked before.
type answers struct {
	Predictions []feature.Prediction `json:"predictions,omitempty"`
	Reason      string               `json:"reason,omitempty"`
}

// askedBefore tells that production has to be asked before the child starts.
func (in Input) askedBefore() bool {
	return in.Production != nil && in.Runtime != nil && in.productionSpec().RuntimeOf(in.Production) != spec.RuntimeONNX
}

// askProduction asks in the process that in.Runtime starts, for no longer than all tests may take.
func askProduction(ctx context.Context, in Input) answers {
	if limit := in.Tests.Process.Time.D(); limit > 0 {
		bounded, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		ctx = bounded
	}
	s := &suite{ctx: ctx, in: in, batch: max(1, in.Spec.Deployment.BatchSize)}
	found, err := s.scoreProduction()
	if err != nil {
		return answers{Reason: clip(err.Error())}
	}
	return answers{Predictions: found.predictions}
}

// scored sets the answers against the truth.
func (a *answers) scored(s *suite) (*scored, error) {
	if a.Reason != "" {
		return nil, errors.New(a.Reason)
	}
	known, err := readTruth(s.in.Test, s.in.Data.Label, s.in.Spec.Task)
	if err != nil {
		return nil, err
	}
	return &scored{truth: known, predictions: a.Predictions}, nil
}
