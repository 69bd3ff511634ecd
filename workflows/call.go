package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// class is how patient we are with a kind of activity. Zero heartbeat means none; zero attempts means no limit within the budget;
// zero scheduleToClose means no budget: it is tried until it is done.
type class struct {
	startToClose, scheduleToClose, heartbeat time.Duration
	firstRetry, maxRetry                     time.Duration
	attempts                                 int32
	priority                                 int // 1 goes first; 0 is Temporal's usual, 3
}

// The one table of timeouts and retries.
var (
	// lasting is what may not be left undone, or in doubt, however long the catalog is away: the pointer swap, taking
	// traffic off a candidate and freeing the model.
	lasting = class{startToClose: 30 * time.Second, firstRetry: time.Second, maxRetry: 30 * time.Second}
	// audit outlasts an outage; a message that can't be written at all must not keep a release from ending for good.
	audit      = class{startToClose: 30 * time.Second, scheduleToClose: 24 * time.Hour, firstRetry: time.Second, maxRetry: 30 * time.Second}
	metadata   = class{startToClose: 30 * time.Second, scheduleToClose: 10 * time.Minute, firstRetry: time.Second, maxRetry: 30 * time.Second}
	evaluation = class{startToClose: 30 * time.Minute, scheduleToClose: 4 * time.Hour, heartbeat: 30 * time.Second, firstRetry: time.Second, maxRetry: time.Minute, attempts: 5}
	// assembly may have to copy what was uploaded another way, and waits for the catalog as metadata does.
	assembly   = class{startToClose: 30 * time.Minute, scheduleToClose: time.Hour, heartbeat: 30 * time.Second, firstRetry: time.Second, maxRetry: 30 * time.Second}
	deployment = class{startToClose: 2 * time.Minute, scheduleToClose: 20 * time.Minute, heartbeat: 20 * time.Second, firstRetry: 2 * time.Second, maxRetry: 30 * time.Second}
	probe      = class{startToClose: 15 * time.Second, scheduleToClose: 2 * time.Minute, firstRetry: time.Second, maxRetry: 10 * time.Second, attempts: 4}
	// delivery goes on for good: it is tried again however long the catalog is away.
	delivery = class{startToClose: 15 * time.Minute, heartbeat: 10 * time.Second, firstRetry: time.Second, maxRetry: 30 * time.Second}
	// sharding waits for its turn however long the batch is, and outlasts a store or a catalog that is away for half an hour.
	// Releases need the same workers, and go first.
	sharding = class{startToClose: 2 * time.Hour, heartbeat: 15 * time.Second, firstRetry: time.Second, maxRetry: time.Minute, attempts: 40, priority: 4}
	// cutting reads all of the data once.
	cutting = class{startToClose: 4 * time.Hour, scheduleToClose: 12 * time.Hour, heartbeat: 15 * time.Second, firstRetry: time.Second, maxRetry: time.Minute}
	notify  = class{startToClose: 15 * time.Second, scheduleToClose: time.Hour, firstRetry: time.Second, maxRetry: time.Minute}
)

// finalErrors are never retried.
var finalErrors = []string{contract.ErrInvalidInput, contract.ErrNotFound, contract.ErrConflict, contract.ErrDigestMismatch, contract.ErrGateFailed}

// call is a typed stub of one activity.
type call[I, O any] struct {
	name  string
	queue string
	class class
}

var (
	begin           = call[contract.BeginInput, contract.BeginOutput]{contract.ActivityBegin, contract.QueueControl, metadata}
	fixData         = call[contract.FixDataInput, contract.FixDataOutput]{contract.ActivityFixData, contract.QueueControl, assembly}
	validateData    = call[contract.ValidateDataInput, contract.Verdict]{contract.ActivityValidateData, contract.QueueCompute, evaluation}
	testModel       = call[contract.TestModelInput, contract.Verdict]{contract.ActivityTestModel, contract.QueueCompute, evaluation}
	register        = call[contract.RegisterInput, contract.ModelVersion]{contract.ActivityRegister, contract.QueueControl, metadata}
	noteGate        = call[contract.NoteGateInput, contract.Empty]{contract.ActivityNoteGate, contract.QueueControl, metadata}
	finish          = call[contract.FinishInput, contract.Empty]{contract.ActivityFinish, contract.QueueControl, lasting}
	evaluate        = call[contract.EvaluateInput, contract.EvaluateOutput]{contract.ActivityEvaluate, contract.QueueControl, metadata}
	recordMessage   = call[contract.RecordMessageInput, contract.Empty]{contract.ActivityRecordMessage, contract.QueueControl, audit}
	stage           = call[contract.StageInput, contract.RouteOutput]{contract.ActivityStage, contract.QueueControl, metadata}
	warm            = call[contract.WarmInput, contract.WarmOutput]{contract.ActivityWarm, contract.QueueGPU, deployment}
	awaitReady      = call[contract.AwaitReadyInput, contract.AwaitReadyOutput]{contract.ActivityAwaitReady, contract.QueueControl, deployment}
	shift           = call[contract.ShiftInput, contract.RouteOutput]{contract.ActivityShift, contract.QueueControl, metadata}
	analyse         = call[contract.AnalyseInput, contract.Analysis]{contract.ActivityAnalyse, contract.QueueControl, probe}
	promote         = call[contract.PromoteInput, contract.RouteOutput]{contract.ActivityPromote, contract.QueueControl, lasting}
	rollBack        = call[contract.RollBackInput, contract.RouteOutput]{contract.ActivityRollBack, contract.QueueControl, lasting}
	confirm         = call[contract.ConfirmInput, contract.ConfirmOutput]{contract.ActivityConfirm, contract.QueueControl, deployment}
	ensureSchedule  = call[contract.MonitorScheduleInput, contract.Empty]{contract.ActivityEnsureSchedule, contract.QueueControl, metadata}
	checkWindow     = call[contract.CheckWindowInput, contract.MonitorStatus]{contract.ActivityMonitorWindow, contract.QueueCompute, evaluation}
	deliverConsumer = call[contract.DeliverShiftInput, contract.DeliverShift]{contract.ActivityDeliver, contract.QueueControl, delivery}
	planBatch       = call[contract.PlanBatchInput, contract.PlanBatchOutput]{contract.ActivityPlanBatch, contract.QueueCompute, cutting}
	predictShard    = call[contract.ShardInput, contract.ShardOutput]{contract.ActivityShard, contract.QueueCompute, sharding}
	keepBatch       = call[contract.KeepBatchInput, contract.Empty]{contract.ActivityKeepBatch, contract.QueueControl, assembly}
	finishBatch     = call[contract.FinishBatchInput, contract.FinishBatchOutput]{contract.ActivityFinishBatch, contract.QueueControl, assembly}
	sendNotice      = call[contract.NotifyInput, contract.Empty]{contract.ActivityNotify, contract.QueueControl, notify}
)

// do runs the activity and waits for its result; summary is what people see beside it in the UI.
func (c call[I, O]) do(ctx workflow.Context, in I, summary string) (O, error) {
	var out O
	err := c.start(ctx, in, summary).Get(ctx, &out)
	return out, err
}

// start runs the activity without waiting. One that is cancelled while it runs is waited for: what it still does
// must not come after its own undoing.
func (c call[I, O]) start(ctx workflow.Context, in I, summary string) workflow.Future {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              c.queue,
		StartToCloseTimeout:    c.class.startToClose,
		ScheduleToCloseTimeout: c.class.scheduleToClose,
		HeartbeatTimeout:       c.class.heartbeat,
		WaitForCancellation:    true,
		Summary:                summary,
		Priority:               temporal.Priority{PriorityKey: c.class.priority},
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:        c.class.firstRetry,
			BackoffCoefficient:     2,
			MaximumInterval:        c.class.maxRetry,
			MaximumAttempts:        c.class.attempts,
			NonRetryableErrorTypes: finalErrors,
		},
	})
	return workflow.ExecuteActivity(ctx, c.name, in)
}

// within bounds the time of one run and of all tries.
func (c call[I, O]) within(d time.Duration) call[I, O] {
	c.class.startToClose = d
	c.class.scheduleToClose = 2 * d
	return c
}
