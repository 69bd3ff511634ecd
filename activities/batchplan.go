package activities

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/batch"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/registry"
	"github.com/slipway-ml/slipway/internal/spec"
)

// schemaFile is the file of a data version that is taken as its schema.
const schemaFile = "schema.yaml"

// Plan fixes model and data, checks that they suit each other, cuts the tables
// into shards and stores the plan. A plan that was carried out before comes back with its output.
func (b *Batch) Plan(ctx context.Context, in contract.PlanBatchInput) (contract.PlanBatchOutput, error) {
	report, stop := beating(ctx)
	defer stop()
	p := &planning{Batch: b, in: in.Batch, report: report}
	out, err := p.run(ctx, in.Key)
	return out, batchError(ctx, err)
}

// planning is a Plan at work.
type planning struct {
	*Batch
	in     contract.BatchInput
	report func(done, total int, at string)
	plan   batch.Plan
	data   catalog.DataVersion
	schema *dataset.Schema
}

func (p *planning) run(ctx context.Context, key contract.BatchKey) (contract.PlanBatchOutput, error) {
	if err := p.fixModel(ctx); err != nil {
		return contract.PlanBatchOutput{}, err
	}
	if err := p.fixData(ctx); err != nil {
		return contract.PlanBatchOutput{}, err
	}
	inputs, outputs, err := p.signature(ctx)
	if err != nil {
		return contract.PlanBatchOutput{}, err
	}
	if p.plan.BatchRows = p.in.BatchRows; p.plan.BatchRows == 0 {
		p.plan.BatchRows = batch.UsualRows(inputs)
	}
	if err := p.cut(ctx, inputs, outputs); err != nil {
		return contract.PlanBatchOutput{}, err
	}
	text, digest, err := p.plan.Encode()
	if err != nil {
		return contract.PlanBatchOutput{}, err
	}
	if _, err := p.Library.PutFile(ctx, bytes.NewReader(text)); err != nil {
		return contract.PlanBatchOutput{}, err
	}
	if err := p.Library.Catalog().LinkData(ctx, p.data.Digest, "", key.String()); err != nil {
		return contract.PlanBatchOutput{}, err
	}
	out := contract.PlanBatchOutput{
		Plan: string(digest), Version: p.plan.Model.Version, ModelDigest: p.plan.Model.Digest, Data: versionOf(p.data),
		Shards: p.plan.Shards(), Rows: p.plan.Rows(),
	}
	return p.known(ctx, out)
}

// signature tells the model's inputs and outputs: an ONNX graph says them, of other
// models a process that has loaded the model, which the first shard here takes over.
func (p *planning) signature(ctx context.Context) (inputs, outputs []onnx.Info, err error) {
	m := p.plan.Model
	artifact, err := p.artifact(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	if (spec.Model{Runtime: m.Runtime}).RuntimeOf(artifact) == spec.RuntimeONNX {
		graph, err := onnx.ReadGraph(artifact)
		if err != nil {
			return nil, nil, invalid{fmt.Errorf("model %s %s: %w", m.Name, m.Version, err)}
		}
		return graph.Inputs, graph.Outputs, nil
	}
	loaded, err := p.Models.Borrow(ctx, m, threads(p.in.Parallel), func() ([]byte, error) { return artifact, nil })
	if err != nil {
		return nil, nil, fmt.Errorf("model %s %s: %w", m.Name, m.Version, err)
	}
	return loaded.Inputs(), loaded.Outputs(), loaded.Return(true)
}

// fixModel finds the model version by its version, an alias or a stage.
func (p *planning) fixModel(ctx context.Context) error {
	c := p.Library.Catalog()
	m, err := (&registry.Library{Catalog: c, Store: p.Library.Store()}).Find(ctx, p.in.Model+"@"+p.in.Version)
	if errors.Is(err, catalog.ErrNotFound) && p.in.Version != "" {
		staged, failed := c.Models(ctx, catalog.ModelFilter{Name: p.in.Model, Stage: p.in.Version, Limit: 2})
		switch {
		case failed != nil:
			return failed
		case len(staged) == 1:
			m, err = staged[0], nil
		case len(staged) > 1:
			err = invalid{fmt.Errorf("model %s has several versions in stage %s: name one", p.in.Model, p.in.Version)}
		}
	}
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	var config gateway.ModelConfig
	if len(m.Config) > 0 {
		if err := json.Unmarshal(m.Config, &config); err != nil {
			return fmt.Errorf("configuration of model %s %s: %w", m.Name, m.Version, err)
		}
	}
	if m.Digest == "" {
		return invalid{fmt.Errorf("the content of model %s %s lies elsewhere (%s): release it through Slipway first", m.Name, m.Version, m.Source)}
	}
	p.plan.Model = batch.Model{Name: m.Name, Version: m.Version, Digest: m.Digest, Task: cmp.Or(config.Task, spec.Classification), Outputs: config.Outputs, Runtime: config.Runtime}
	p.plan.Sensitive = config.Sensitive
	p.plan.Keys, p.plan.Exclude = p.in.Keys, p.in.Exclude
	return nil
}

// fixData finds the data version and its schema.
func (p *planning) fixData(ctx context.Context) error {
	var err error
	if p.data, err = p.Library.Catalog().Data(ctx, p.in.Data); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if !p.data.DeletedAt.IsZero() {
		return fmt.Errorf("data %s is deleted: restore it, or add the data again: %w", p.data.Label(), catalog.ErrConflict)
	}
	p.plan.Data, p.plan.Schema = p.data.Digest, p.in.Schema
	if p.plan.Schema == "" {
		found, err := p.Library.Files(ctx, p.data, []string{schemaFile})
		if err != nil {
			return err
		}
		p.plan.Schema = string(found[schemaFile].Digest)
	}
	p.schema, err = p.schemaOf(ctx, &p.plan)
	return err
}

// cut checks every table and then cuts all of them.
func (p *planning) cut(ctx context.Context, inputs, outputs []onnx.Info) error {
	checker, personal, err := p.plan.NewChecker(inputs, outputs, p.schema)
	if err != nil {
		return err
	}
	if len(personal) > 0 {
		mask, err := masker(p.MaskKey, p.schema)
		if err != nil {
			return err
		}
		if mask == nil {
			return invalid{fmt.Errorf("key column %q is personal and this worker has no masking key: give the workers --mask-key-file, or choose other keys", personal[0])}
		}
		p.plan.Masked = mask.Fingerprint()
	}
	tables, err := p.Library.Tables(ctx, p.data, p.in.Paths)
	if err != nil {
		return invalid{err}
	}
	for _, e := range tables {
		err := p.Library.ReadFile(ctx, e, dataset.SourceOptions{}, func(src dataset.Source) error { return checker.Table(e.Path, src.Schema()) })
		if err != nil {
			return err
		}
	}
	rows := cmp.Or(p.in.ShardRows, usualShardRows)
	for i, e := range tables {
		layout, err := p.Library.CutFile(ctx, e, rows, func(done int64) {
			p.report(i, len(tables), fmt.Sprintf("cut %s: %d of %d bytes", e.Path, done, e.Size))
		})
		if err != nil {
			return err
		}
		p.plan.Tables = append(p.plan.Tables, batch.Table{Path: e.Path, Digest: string(e.Digest), Size: e.Size, Layout: layout})
	}
	switch n := p.plan.Shards(); {
	case n == 0:
		return invalid{fmt.Errorf("data %s has no rows to predict", p.data.Label())}
	case n > maxShards:
		return invalid{fmt.Errorf("data %s has %d rows, which are %d shards, and a batch has at most %d: raise shard_rows from %d", p.data.Label(), p.plan.Rows(), n, maxShards, rows)}
	}
	return nil
}

// known adds the output of an equal plan, if it is still there.
func (p *planning) known(ctx context.Context, out contract.PlanBatchOutput) (contract.PlanBatchOutput, error) {
	c := p.Library.Catalog()
	result, err := c.BatchResult(ctx, out.Plan)
	if errors.Is(err, catalog.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	found, err := c.Data(ctx, result.Digest)
	if err != nil || !found.DeletedAt.IsZero() {
		return out, err
	}
	var counts batch.Counts
	if err := json.Unmarshal(result.Counts, &counts); err != nil {
		return out, fmt.Errorf("counts of batch plan %s: %w", out.Plan, err)
	}
	out.Output, out.Refused = versionRef(found), counts.Refused
	return out, nil
}

// file is a table of a plan as a file of the library.
func file(t *batch.Table) artifacts.Entry {
	return artifacts.Entry{Path: t.Path, Digest: artifacts.Digest(t.Digest), Size: t.Size}
}
