package contract

// Task queues. A host that must be addressed has its own queue, QueueGPU + "-" + host.
const (
	// QueueControl carries workflows and light activities (catalog, routes, notifications).
	QueueControl = "slipway"
	// QueueCompute carries CPU work: data validation, model tests, drift statistics.
	QueueCompute = "slipway-compute"
	// QueueGPU carries work on accelerators: loading and warming what will serve.
	QueueGPU = "slipway-gpu"
)

// Workflow types.
const (
	WorkflowRelease    = "slipway.Release"
	WorkflowCompliance = "slipway.Compliance"
	WorkflowCanary     = "slipway.Canary"
	WorkflowMonitor    = "slipway.Monitor"
	WorkflowDeliver    = "slipway.Deliver"
	WorkflowBatch      = "slipway.Batch"
)

// Activity types, "<area>.<Verb>".
const (
	ActivityFixData        = "data.Fix"
	ActivityValidateData   = "data.Validate"
	ActivityTestModel      = "modeltests.Run"
	ActivityBegin          = "registry.Begin"
	ActivityRegister       = "registry.Register"
	ActivityNoteGate       = "registry.NoteGate"
	ActivityFinish         = "registry.Finish"
	ActivityEvaluate       = "compliance.Evaluate"
	ActivityRecordMessage  = "compliance.RecordMessage"
	ActivityStage          = "deploy.Stage"
	ActivityWarm           = "deploy.Warm"
	ActivityAwaitReady     = "deploy.AwaitReady"
	ActivityShift          = "deploy.Shift"
	ActivityAnalyse        = "deploy.Analyse"
	ActivityPromote        = "deploy.Promote"
	ActivityRollBack       = "deploy.RollBack"
	ActivityConfirm        = "deploy.Confirm"
	ActivityEnsureSchedule = "drift.EnsureSchedule"
	ActivityMonitorWindow  = "drift.Check"
	ActivityNotify         = "notify.Send"
	ActivityDeliver        = "deliver.Run"

	ActivityPlanBatch   = "batch.Plan"
	ActivityShard       = "batch.Shard"
	ActivityKeepBatch   = "batch.Keep"
	ActivityFinishBatch = "batch.Finish"

	ActivityAddData     = "data.Add"
	ActivityListData    = "data.List"
	ActivityShowData    = "data.Show"
	ActivityDiffData    = "data.Diff"
	ActivityGetData     = "data.Get"
	ActivityVerifyData  = "data.Verify"
	ActivityTagData     = "data.Tag"
	ActivityDeleteData  = "data.Delete"
	ActivityRestoreData = "data.Restore"
	ActivityHoldData    = "data.Hold"
	ActivityCollectData = "data.Collect"
	ActivityDataLineage = "data.Lineage"
	ActivityCheckData   = "data.Check"
	ActivityProfileData = "data.Profile"
	ActivityInferSchema = "data.Infer"
)

// Signals that Release, Compliance and Canary understand; Batch understands pause and resume.
const (
	SignalDecide  = "decide"
	SignalPause   = "pause"
	SignalResume  = "resume"
	SignalPromote = "promote"
	SignalAbort   = "abort"
)

// UpdateDecide is the update that takes a Decision and answers at once whether it counts.
const UpdateDecide = "decide"

// QueryStatus answers a ReleaseStatus, ComplianceStatus, CanaryStatus, MonitorStatus or BatchStatus as JSON.
const QueryStatus = "status"

// Search attributes, all of type Keyword.
const (
	AttributeModel   = "SlipwayModel"
	AttributeVersion = "SlipwayVersion"
	AttributeStage   = "SlipwayStage"
)

// Workflow ids are business keys.

// ReleaseID is the workflow id of a release.
func ReleaseID(model, version string) string { return "release/" + model + "/" + version }

// ComplianceID is the workflow id of a release's compliance gate.
func ComplianceID(model, version string) string { return "compliance/" + model + "/" + version }

// CanaryID is the workflow id of a release's canary.
func CanaryID(model, version string) string { return "canary/" + model + "/" + version }

// BatchID is the workflow id of a batch; n tells batches of a model apart.
func BatchID(model, n string) string { return "batch/" + model + "/" + n }

// DeliverID is the workflow id of the deliveries to a consumer.
func DeliverID(consumer string) string { return "deliver/" + consumer }

// MonitorID is the schedule id, and the prefix of the workflow ids of its runs.
func MonitorID(model string) string { return "monitor/" + model }

// Error types of activities and workflows. Those marked (final) are never retried.
const (
	ErrInvalidInput   = "InvalidInput"   // (final) the input can't be right: a corrupt model, ragged rows, a wrong column
	ErrNotFound       = "NotFound"       // (final) a named thing does not exist
	ErrConflict       = "Conflict"       // (final) compare-and-set lost, or something else under the same name
	ErrDigestMismatch = "DigestMismatch" // (final) stored bytes are damaged or missing
	ErrUnavailable    = "Unavailable"    // a part can't be reached now; tried again
	ErrGateFailed     = "GateFailed"     // (final) how a Release that a gate stopped ends
	ErrRefusedRows    = "RefusedRows"    // (final) the model refuses more rows of a batch than it may
	ErrModelBroken    = "ModelBroken"    // (final) the model of a batch can't be loaded, or broke its process
)
