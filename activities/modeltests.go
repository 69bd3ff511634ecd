package activities

import (
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// ModelTests runs the checks C1 to C4.
type ModelTests struct {
	Store  *artifacts.Store
	Device onnx.Device
	// Runs keeps each outcome as a run; nil keeps none.
	Runs *RunLog
}

// Run tests the candidate on the test rows and against the model in production.
// A model that can't be loaded or run is a failed test, not an error.
func (m *ModelTests) Run(ctx context.Context, in contract.TestModelInput) (contract.Verdict, error) {
	report, stop := beating(ctx)
	defer stop()
	runtime, err := onnx.Find()
	if err != nil {
		return contract.Verdict{}, err
	}
	schema, err := readSchema(ctx, m.Store, in.Data)
	if err != nil {
		return contract.Verdict{}, err
	}
	test, err := readTable(ctx, m.Store, "data.test", in.Data.Test, schema)
	if err != nil {
		return contract.Verdict{}, err
	}
	input := modeltest.Input{Spec: in.Model, Data: in.Data, Tests: in.Tests, Test: test, ProductionVersion: in.Production, Device: m.Device}
	if input.Model, err = read(ctx, m.Store, "model.artifact", in.Model.Artifact.Digest); err != nil {
		return contract.Verdict{}, err
	}
	if in.ProductionDigest != "" {
		if input.Production, err = read(ctx, m.Store, "production "+in.Production, in.ProductionDigest); err != nil {
			return contract.Verdict{}, err
		}
	}
	found, err := modeltest.Run(ctx, runtime, input, report)
	if err != nil {
		return contract.Verdict{}, fmt.Errorf("test %s %s: %w", in.Model.Name, in.Model.Version, err)
	}
	saved, err := saveReport(ctx, m.Store, found)
	if err != nil {
		return contract.Verdict{}, err
	}
	if m.Runs != nil {
		if err := m.Runs.tests(ctx, in, found, saved); err != nil {
			return contract.Verdict{}, err
		}
	}
	return contract.Verdict{Passed: found.Passed, Summary: found.Summary(), Report: saved, Metrics: found.Metrics}, nil
}
