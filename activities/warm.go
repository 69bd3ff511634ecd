package activities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/stats"
)

// Warm proves candidates on this host's device before any traffic reaches them.
type Warm struct {
	Store   *artifacts.Store
	Library *dataversion.Library
	// Runtime loads candidates on this host's device.
	Runtime serving.Runtime
}

// warmRows is how many test rows a candidate answers one by one.
const warmRows = 50

// Run loads the candidate on the device and lets it answer test rows one by one, as requests come.
func (w *Warm) Run(ctx context.Context, in contract.WarmInput) (contract.WarmOutput, error) {
	_, stop := beating(ctx)
	defer stop()
	host, err := os.Hostname()
	if err != nil {
		return contract.WarmOutput{}, err
	}
	schema, err := readSchema(ctx, w.Store, in.Data)
	if err != nil {
		return contract.WarmOutput{}, err
	}
	test, err := readTable(ctx, w.Library, "data.test", in.Data.Test, dataset.TableOptions{Schema: schema, First: warmRows})
	if err != nil {
		return contract.WarmOutput{}, err
	}
	if test.Rows() == 0 {
		return contract.WarmOutput{}, invalid{fmt.Errorf("data.test (%s) has no rows to ask the candidate", in.Data.Test.Path)}
	}
	artifact, err := read(ctx, w.Store, "model.artifact", in.Model.Artifact.Digest)
	if err != nil {
		return contract.WarmOutput{}, err
	}
	model, err := w.Runtime.Load(ctx, artifact, in.Model)
	switch {
	case errors.Is(err, onnx.ErrNoLibrary): // it may yet be put in place
		return contract.WarmOutput{}, err
	case err != nil:
		return contract.WarmOutput{}, invalid{err}
	}
	defer model.Close()
	mapper, err := feature.NewMapper(model.Inputs())
	if err != nil {
		return contract.WarmOutput{}, invalid{err}
	}
	out := contract.WarmOutput{Host: host, Device: model.Device(), Rows: min(warmRows, test.Rows())}
	took := make([]float64, 0, out.Rows)
	for i := range out.Rows {
		batch, err := mapper.FromTable(test, in.Data.Label, in.Data.Exclude, i, i+1)
		if err != nil {
			return out, invalid{err}
		}
		started := time.Now()
		answer, err := model.Infer(ctx, batch)
		if err != nil {
			return out, invalid{fmt.Errorf("test row %d: %w", i+1, err)}
		}
		took = append(took, float64(time.Since(started))/float64(time.Millisecond))
		if _, err := model.Predictions(answer); err != nil {
			return out, invalid{fmt.Errorf("test row %d: %w", i+1, err)}
		}
	}
	out.P50MS, err = stats.Quantile(took, 0.5)
	return out, err
}
