package activities

import (
	"maps"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Set is all areas; a worker registers those of its queue.
type Set struct {
	Data       *Data
	ModelTests *ModelTests
	Registry   *Registry
	Compliance *Compliance
	Deploy     *Deploy
	Warm       *Warm
	Drift      *Drift
	Temporal   *Temporal
	Notify     *Notify
	Deliver    *Deliver
	// Batch and Datasets are nil where the worker has no data versions to keep.
	Batch    *Batch
	Datasets *Datasets
}

// Control lists the light activities of the control queue by name.
func (s Set) Control() map[string]any {
	list := map[string]any{
		contract.ActivityBegin:          s.Registry.Begin,
		contract.ActivityFixData:        s.Data.Fix,
		contract.ActivityRegister:       s.Registry.Register,
		contract.ActivityNoteGate:       s.Registry.NoteGate,
		contract.ActivityFinish:         s.Registry.Finish,
		contract.ActivityEvaluate:       s.Compliance.Evaluate,
		contract.ActivityRecordMessage:  s.Compliance.RecordMessage,
		contract.ActivityStage:          s.Deploy.Stage,
		contract.ActivityAwaitReady:     s.Deploy.AwaitReady,
		contract.ActivityShift:          s.Deploy.Shift,
		contract.ActivityAnalyse:        s.Deploy.Analyse,
		contract.ActivityPromote:        s.Deploy.Promote,
		contract.ActivityRollBack:       s.Deploy.RollBack,
		contract.ActivityConfirm:        s.Deploy.Confirm,
		contract.ActivityEnsureSchedule: s.Temporal.EnsureSchedule,
		contract.ActivityNotify:         s.Notify.Send,
		contract.ActivityDeliver:        s.Deliver.Run,
	}
	if b := s.Batch; b != nil {
		list[contract.ActivityKeepBatch], list[contract.ActivityFinishBatch] = b.Keep, b.Finish
	}
	if d := s.Datasets; d != nil {
		maps.Copy(list, map[string]any{
			contract.ActivityListData:    d.List,
			contract.ActivityShowData:    d.Show,
			contract.ActivityTagData:     d.Tag,
			contract.ActivityDeleteData:  d.Delete,
			contract.ActivityRestoreData: d.Restore,
			contract.ActivityHoldData:    d.Hold,
			contract.ActivityDataLineage: d.Lineage,
		})
	}
	return list
}

// Compute lists the CPU-bound activities by name.
func (s Set) Compute() map[string]any {
	list := map[string]any{
		contract.ActivityValidateData:  s.Data.Validate,
		contract.ActivityTestModel:     s.ModelTests.Run,
		contract.ActivityMonitorWindow: s.Drift.Check,
	}
	if b := s.Batch; b != nil {
		list[contract.ActivityPlanBatch], list[contract.ActivityShard] = b.Plan, b.Shard
	}
	if d := s.Datasets; d != nil {
		maps.Copy(list, map[string]any{
			contract.ActivityAddData:     d.Add,
			contract.ActivityDiffData:    d.Diff,
			contract.ActivityGetData:     d.Get,
			contract.ActivityVerifyData:  d.Verify,
			contract.ActivityCollectData: d.Collect,
			contract.ActivityCheckData:   d.Check,
			contract.ActivityProfileData: d.Profile,
			contract.ActivityInferSchema: d.Infer,
		})
	}
	return list
}

// GPU lists the activities that need the host's device by name.
func (s Set) GPU() map[string]any {
	list := map[string]any{contract.ActivityWarm: s.Warm.Run}
	if s.Batch != nil {
		list[contract.ActivityShard] = s.Batch.Shard
	}
	return list
}

// Register makes a list of activities known to a worker.
func Register(r worker.ActivityRegistry, list map[string]any) {
	for name, method := range list {
		r.RegisterActivityWithOptions(method, activity.RegisterOptions{Name: name})
	}
}
