package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/batch"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// Tags of the run that a batch is. They are part of the record and never change.
const (
	tagBatch  = "slipway.batch" // workflow id and run
	tagPlan   = "slipway.batch.plan"
	tagOutput = "slipway.output.digest"
)

// batch records a batch as a run of the experiment that is named as the model:
// what it was made from, and what came of it.
func (l *RunLog) batch(ctx context.Context, in contract.FinishBatchInput, p *batch.Plan, out contract.FinishBatchOutput) error {
	ended := time.Now().UnixMilli()
	hex := artifacts.Digest(p.Data).Hex()
	source, err := json.Marshal(map[string]string{"data": p.Data})
	if err != nil {
		return fmt.Errorf("describe the data: %w", err)
	}
	run := catalog.RecordedRun{Experiment: p.Model.Name, Run: catalog.Run{
		UID: catalog.RunOfBatch(in.Key.String()), Name: in.Key.ID, User: in.RequestedBy, Status: catalog.RunFinished,
		StartedAt: in.Started.UnixMilli(), EndedAt: &ended,
		Params: []catalog.Pair{
			{Key: "batch_rows", Value: fmt.Sprint(p.BatchRows)}, {Key: "data", Value: fmt.Sprintf("%s@%d", in.Data.Name, in.Data.Version)},
			{Key: "model_version", Value: p.Model.Version}, {Key: "output", Value: fmt.Sprintf("%s@%d", out.Output.Name, out.Output.Version)},
		},
		Metrics: []catalog.Metric{
			{Key: "refused_rows", Value: float64(out.Refused), At: ended}, {Key: "rows", Value: float64(out.Rows), At: ended},
			{Key: "seconds", Value: max(0, time.UnixMilli(ended).Sub(in.Started).Seconds()), At: ended},
		},
		Tags: []catalog.Pair{
			{Key: "mlflow.user", Value: in.RequestedBy}, {Key: "mlflow.source.name", Value: in.Key.String()},
			{Key: tagBatch, Value: in.Key.String()}, {Key: tagPlan, Value: in.Plan},
			{Key: tagModel, Value: p.Model.Name + "/" + p.Model.Version}, {Key: tagDigest, Value: p.Model.Digest},
			{Key: tagData, Value: p.Data}, {Key: tagOutput, Value: out.Output.Digest},
		},
		Inputs: []catalog.RunDataset{{
			Name: in.Data.Name, Digest: hex[:min(len(hex), 32)], SourceType: "slipway", Source: string(source), DataDigest: p.Data,
			Tags: map[string]string{catalog.TagDataContext: "inference"},
		}},
	}}
	_, err = l.Files.Catalog.RecordRun(ctx, run, batchMark(in.Key, "experiment", in.RequestedBy, "each batch is a run"))
	return err
}
