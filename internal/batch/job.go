package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Job predicts the rows of one shard.
type Job struct {
	Plan  *Plan
	Model Inferer
	// Schema, which may be nil, says what cells mean; Mask, which may be nil, masks keys.
	Schema *dataset.Schema
	Mask   *dataset.Masker
	// First is how many rows of the data version come before the shard.
	First int64
	// MaxRefused is how many rows may be refused.
	MaxRefused int64
	// Progress, which may be nil, hears how many rows are done.
	Progress func(rows int64)
}

// Run reads the rows of src, asks the model and writes the output to w. Memory
// is bounded by some batches of src and a row group. The error wraps ErrPlan
// where the table does not suit the model, ErrRefused, or ErrBroken.
func (j Job) Run(ctx context.Context, src dataset.Source, w io.Writer) (Counts, error) {
	r, err := j.begin(src, w)
	if err != nil {
		return Counts{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	batches := ahead(ctx, src)
	defer func() { // lets go of what was read and is not wanted
		cancel()
		for b := range batches {
			b.release()
		}
	}()
	for b := range batches {
		if b.err != nil {
			return r.counts, b.err
		}
		err := r.take(ctx, b.rows)
		b.release()
		if err != nil {
			return r.counts, err
		}
		if j.Progress != nil {
			j.Progress(r.counts.Rows)
		}
	}
	if err := ctx.Err(); err != nil { // reading may have ended by it
		return r.counts, err
	}
	return r.counts, r.out.close()
}

// Pick keeps a source that can leave columns out from reading those that the job does not use.
func (j Job) Pick(src dataset.Source) error {
	m, err := feature.NewMapper(j.Model.Inputs())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	want, err := wanted(m, src.Schema(), j.Plan)
	if err != nil {
		return err
	}
	names := slices.Clone(j.Plan.Keys)
	for _, c := range want {
		names = append(names, c.Name)
	}
	return dataset.PickColumns(src, names)
}

// readBatch is a batch of a source, or the error that ends it.
type readBatch struct {
	rows arrow.RecordBatch
	err  error
}

func (b readBatch) release() {
	if b.rows != nil {
		b.rows.Release()
	}
}

// ahead reads the next batch while the model is at the one before.
func ahead(ctx context.Context, src dataset.Source) <-chan readBatch {
	out := make(chan readBatch)
	go func() {
		defer close(out)
		for {
			batch, err := src.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			select {
			case out <- readBatch{batch, err}:
			case <-ctx.Done():
				readBatch{rows: batch}.release()
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// running is a Job at work.
type running struct {
	Job
	mapper *feature.Mapper
	want   []dataset.Column
	cells  *dataset.Cells
	keys   []int // of the source
	out    *output
	counts Counts
	secret bool // what the model says of a row may hold what nobody is to see

	predictions []*feature.Prediction // by row of the batch
	refused     map[int]string
	kept        []int
}

func (j Job) begin(src dataset.Source, w io.Writer) (*running, error) {
	r := &running{Job: j, secret: j.Plan.secret(j.Schema)}
	var err error
	if r.mapper, err = feature.NewMapper(j.Model.Inputs()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if r.want, err = wanted(r.mapper, src.Schema(), j.Plan); err != nil {
		return nil, err
	}
	if r.cells, err = dataset.NewCells(src.Schema(), r.want, j.Schema); err != nil {
		return nil, fmt.Errorf("%w: %s: the model wants columns that are missing: %w", ErrPlan, src.Name(), err)
	}
	fields, keys, err := keyFields(src.Schema(), j.Plan.Keys, j.Mask)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src.Name(), err)
	}
	r.keys = keys
	form, err := feature.FormOf(j.Model.Outputs(), j.Plan.Model.Outputs, j.Plan.Model.Task)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	r.out, err = newOutput(w, fields, form)
	return r, err
}

// wanted are the columns that go into the model: those that it names, else all but keys and excluded ones.
func wanted(m *feature.Mapper, stored *arrow.Schema, p *Plan) ([]dataset.Column, error) {
	var features []string
	if !m.Named() {
		features = p.features(stored)
	}
	want, err := m.Wants(features)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return want, nil
}

// take predicts one batch of the source and writes it.
func (r *running) take(ctx context.Context, batch arrow.RecordBatch) error {
	r.cells.Read(batch)
	n := r.cells.Rows()
	r.refused = r.mapper.Refused(r.want, r.cells)
	r.predictions, r.kept = make([]*feature.Prediction, n), r.kept[:0]
	for row := range n {
		if why, no := r.refused[row]; no {
			if err := r.refuse(row, why); err != nil {
				return err
			}
			continue
		}
		r.kept = append(r.kept, row)
	}
	for at := 0; at < len(r.kept); at += r.Plan.BatchRows {
		if err := r.predict(ctx, r.kept[at:min(len(r.kept), at+r.Plan.BatchRows)]); err != nil {
			return err
		}
	}
	for row := range n {
		r.out.add(r.First+r.counts.Rows+int64(row)+1, r.Plan.Model.Version, r.predictions[row], r.refused[row])
	}
	keys, made := maskKeys(batch, r.keys, r.Mask)
	defer func() {
		for _, a := range made {
			a.Release()
		}
	}()
	if err := r.out.write(keys); err != nil {
		return err
	}
	r.counts.Rows += int64(n)
	return nil
}

func (r *running) refuse(row int, why string) error {
	r.refused[row] = why
	return r.counts.refuse(r.First+r.counts.Rows+int64(row)+1, why, r.MaxRefused)
}

// predict asks the model for some rows of the batch. Rows that fail together are
// asked in halves, so that only those at fault are refused.
func (r *running) predict(ctx context.Context, rows []int) error {
	found, err := r.ask(ctx, rows)
	switch {
	case err == nil:
		for i, row := range rows {
			if !found[i].Finite() {
				if err := r.refuse(row, "the prediction is not a finite number"); err != nil {
					return err
				}
				continue
			}
			r.predictions[row] = &found[i]
		}
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, serving.ErrInput) && !errors.Is(err, serving.ErrModel):
		first := r.First + r.counts.Rows + 1
		return fmt.Errorf("rows %d to %d: %w", first+int64(rows[0]), first+int64(rows[len(rows)-1]), err)
	case len(rows) == 1:
		return r.refuse(rows[0], r.said(err))
	}
	half := len(rows) / 2
	if err := r.predict(ctx, rows[:half]); err != nil {
		return err
	}
	return r.predict(ctx, rows[half:])
}

// said is what a refused row's error says.
func (r *running) said(err error) string {
	if r.secret {
		return "the model fails on the row"
	}
	return err.Error()
}

func (r *running) ask(ctx context.Context, rows []int) ([]feature.Prediction, error) {
	out, err := r.Model.Infer(ctx, r.mapper.FromCells(r.cells, rows))
	if err != nil {
		return nil, err
	}
	found, err := r.Model.Predictions(out)
	if err == nil && len(found) != len(rows) {
		err = fmt.Errorf("%w: %d predictions for %d rows", serving.ErrModel, len(found), len(rows))
	}
	return found, err
}
