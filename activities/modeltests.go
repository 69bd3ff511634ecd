package activities

import (
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// ModelTests runs the checks C1 to C4.
type ModelTests struct {
	Store  *artifacts.Store
	Device onnx.Device
}

// Run tests the candidate on the test rows and against the model in production,
// in a child process. A model that can't be loaded or run, or that breaks its
// process, is a failed test, not an error.
func (m *ModelTests) Run(ctx context.Context, in contract.TestModelInput) (contract.Verdict, error) {
	report, stop := beating(ctx)
	defer stop()
	input, err := m.input(ctx, in)
	if err != nil {
		return contract.Verdict{}, err
	}
	train, err := read(ctx, m.Store, "data.train", in.Data.Train.Digest)
	if err != nil {
		return contract.Verdict{}, err
	}
	found, err := modeltest.Isolated(ctx, input, &modeltest.File{Name: in.Data.Train.Path, Content: train}, report)
	if err != nil {
		return contract.Verdict{}, fmt.Errorf("test %s %s: %w", in.Model.Name, in.Model.Version, err)
	}
	saved, err := saveReport(ctx, m.Store, found)
	if err != nil {
		return contract.Verdict{}, err
	}
	card, err := found.Card(in.Model, in.Data)
	if err != nil {
		return contract.Verdict{}, err
	}
	ref, err := m.Store.PutBytes(ctx, card, "text/markdown; charset=utf-8")
	saved.Card = string(ref.Digest)
	return contract.Verdict{Passed: found.Passed, Summary: found.Summary(), Report: saved, Metrics: found.Metrics}, err
}

// input fetches what the tests need.
func (m *ModelTests) input(ctx context.Context, in contract.TestModelInput) (modeltest.Input, error) {
	schema, err := readSchema(ctx, m.Store, in.Data)
	if err != nil {
		return modeltest.Input{}, err
	}
	test, err := readTable(ctx, m.Store, "data.test", in.Data.Test, schema)
	if err != nil {
		return modeltest.Input{}, err
	}
	out := modeltest.Input{
		Spec: in.Model, Data: in.Data, Tests: in.Tests, Test: test, Personal: personal(schema, test), ProductionVersion: in.Production, Device: m.Device,
	}
	if out.Model, err = read(ctx, m.Store, "model.artifact", in.Model.Artifact.Digest); err != nil {
		return out, err
	}
	if in.ProductionDigest != "" {
		out.Production, err = read(ctx, m.Store, "production "+in.Production, in.ProductionDigest)
	}
	return out, err
}

// personal lists the columns whose values no report may hold, by the schema.
func personal(schema *dataset.Schema, t *dataset.Table) []string {
	var out []string
	for _, c := range t.Columns() {
		if schema.Personal(c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}
