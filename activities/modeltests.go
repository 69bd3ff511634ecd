package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// ModelTests runs the checks C1 to C4.
type ModelTests struct {
	Store   *artifacts.Store
	Library *dataversion.Library
	Device  onnx.Device
	// Programs makes the runtime of models that are not ONNX, within the limits of a spec; nil: there is none.
	Programs func(spec.Process) (serving.Runtime, error)
	// MaxTestBytes bounds the values of the test rows in memory; 0 means dataset.DefaultTableBytes.
	MaxTestBytes int64
	// Runs keeps each outcome as a run; nil keeps none.
	Runs *RunLog
	// Catalog tells whether the members of an ensemble may be served; nil: they are not asked for.
	Catalog *catalog.Catalog
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
	if err := m.members(ctx, in.Model, input.Model); err != nil {
		return contract.Verdict{}, err
	}
	train, err := m.train(ctx, in.Data.Train)
	if err != nil {
		return contract.Verdict{}, err
	}
	found, err := modeltest.Isolated(ctx, input, train, report)
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
	if err != nil {
		return contract.Verdict{}, err
	}
	saved.Card = string(ref.Digest)
	if m.Runs != nil {
		if err := m.Runs.tests(ctx, in, found, saved); err != nil {
			return contract.Verdict{}, err
		}
	}
	return contract.Verdict{Passed: found.Passed, Summary: found.Summary(), Report: saved, Metrics: found.Metrics}, nil
}

// input fetches what the tests need.
func (m *ModelTests) input(ctx context.Context, in contract.TestModelInput) (modeltest.Input, error) {
	schema, err := readSchema(ctx, m.Store, in.Data)
	if err != nil {
		return modeltest.Input{}, err
	}
	test, err := readTable(ctx, m.Library, "data.test", in.Data.Test, dataset.TableOptions{Schema: schema, MaxBytes: m.MaxTestBytes})
	if err != nil {
		return modeltest.Input{}, err
	}
	out := modeltest.Input{
		Spec: in.Model, Data: in.Data, Tests: in.Tests, Test: test, Personal: personal(schema, test), ProductionVersion: in.Production, Device: m.Device,
	}
	if m.Programs != nil {
		if out.Runtime, err = m.Programs(in.Tests.Process); err != nil {
			return out, err
		}
	}
	if out.Model, err = read(ctx, m.Store, "model.artifact", in.Model.Artifact.Digest); err != nil {
		return out, err
	}
	if in.ProductionDigest != "" {
		out.Production, err = read(ctx, m.Store, "production "+in.Production, in.ProductionDigest)
	}
	return out, err
}

// train fetches the file with the training rows; nil if it is too large to be
// handed to the tests, which then say that they did not see it.
func (m *ModelTests) train(ctx context.Context, file spec.File) (*modeltest.File, error) {
	digest, err := artifacts.ParseDigest(file.Digest)
	if err != nil {
		return nil, invalid{fmt.Errorf("data.train: %w", err)}
	}
	most := m.MaxTestBytes
	if most == 0 {
		most = dataset.DefaultTableBytes
	}
	content, err := m.Library.ReadBytes(ctx, digest, most)
	switch {
	case errors.Is(err, artifacts.ErrTooLarge):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("data.train: %w", err)
	}
	return &modeltest.File{Name: file.Path, Content: content}, nil
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
