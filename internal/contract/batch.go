package contract

import "time"

// BatchInput starts a Batch: predict the rows of a data version with a model version.
type BatchInput struct {
	Model string `json:"model"`
	// Version is a version of the model, an alias, or a stage that one version is in; empty means production.
	Version string `json:"version,omitempty"`
	// Data names a data version, as in DataRef; Paths picks files and folders of it, none picks all tables.
	Data  string   `json:"data"`
	Paths []string `json:"paths,omitempty"`
	// Keys are the columns that are carried over to the output.
	Keys []string `json:"keys,omitempty"`
	// Exclude are columns that are no features, of a model that takes one matrix.
	Exclude []string `json:"exclude,omitempty"`
	// Schema is the digest of a stored schema, which says what cells mean and which
	// columns are personal. Empty: the file schema.yaml of the data version, if there is one.
	Schema string `json:"schema,omitempty"`
	// Output is the name of the data version that is made; empty means MODEL-predictions.
	Output      string `json:"output,omitempty"`
	Description string `json:"description,omitempty"`
	// MaxRefusedRows is how many rows the model may refuse before the batch fails.
	MaxRefusedRows int64 `json:"max_refused_rows,omitempty"`
	// ShardRows is how many rows an activity predicts; 0 means 100,000.
	ShardRows int `json:"shard_rows,omitempty"`
	// BatchRows is how many rows the model is asked at once; 0 leaves it to the size of its inputs.
	BatchRows int `json:"batch_rows,omitempty"`
	// Parallel is how many shards are under way at once; 0 means 4.
	Parallel int `json:"parallel,omitempty"`
	// Queue is compute, the default, or gpu.
	Queue       string `json:"queue,omitempty"`
	RequestedBy string `json:"requested_by"`
	// Resume carries the state over a continue-as-new; nil at the start.
	Resume *BatchState `json:"resume,omitempty"`
}

// Queues that a batch can name.
const (
	BatchOnCompute = "compute"
	BatchOnGPU     = "gpu"
)

// BatchState is all that a batch knows between two shards.
type BatchState struct {
	Status BatchStatus `json:"status"`
	// Next is the first shard that was never started; Again are earlier ones whose output is gone.
	Next  int   `json:"next"`
	Again []int `json:"again,omitempty"`
	// Rounds counts how often outputs were found gone.
	Rounds int `json:"rounds,omitempty"`
	// ActiveMS is how long shards have been under way, pauses left out; ActiveRows what was predicted meanwhile.
	ActiveMS   int64 `json:"active_ms"`
	ActiveRows int64 `json:"active_rows"`
}

// BatchPhase is where a batch stands.
type BatchPhase string

// Batch phases.
const (
	BatchPlanning  BatchPhase = "planning"
	BatchRunning   BatchPhase = "running"
	BatchPaused    BatchPhase = "paused"
	BatchFinishing BatchPhase = "finishing"
	BatchCompleted BatchPhase = "completed"
	BatchFailed    BatchPhase = "failed"
	BatchCancelled BatchPhase = "cancelled"
)

// BatchStatus answers the status query of Batch, and is its result.
type BatchStatus struct {
	Phase       BatchPhase  `json:"phase"`
	Reason      string      `json:"reason,omitempty"` // of a failure
	RequestedBy string      `json:"requested_by"`
	Model       string      `json:"model"`
	Version     string      `json:"version,omitempty"`
	ModelDigest string      `json:"model_digest,omitempty"`
	Data        DataVersion `json:"data"`
	// Plan is the digest that identifies the output: equal plans have equal outputs.
	Plan       string     `json:"plan,omitempty"`
	Shards     int        `json:"shards"`
	ShardsDone int        `json:"shards_done"`
	Rows       int64      `json:"rows"`
	RowsDone   int64      `json:"rows_done"`
	Refused    int64      `json:"refused_rows"`
	Refusals   []Refusal  `json:"refusals,omitempty"` // the first of them
	Started    time.Time  `json:"started"`
	Ended      *time.Time `json:"ended,omitempty"`
	// RowsPerSecond is the speed of this batch so far; what it found done already does not count.
	RowsPerSecond float64 `json:"rows_per_second,omitempty"`
	// Output is the data version that was made; Existed tells that it was on record before.
	Output  *DataVersion `json:"output,omitempty"`
	Existed bool         `json:"existed,omitempty"`
}

// Refusal is a row that a model refused.
type Refusal struct {
	Row int64  `json:"row"` // number in the data version, from 1
	Why string `json:"why"`
}

// PlanBatchInput asks to fix model and data of a batch and to cut its shards.
type PlanBatchInput struct {
	Key   BatchKey   `json:"key"`
	Batch BatchInput `json:"batch"`
}

// BatchKey identifies one batch. Run is the first run id of the workflow's chain.
type BatchKey struct {
	ID  string `json:"id"`
	Run string `json:"run"`
}

// String is the idempotency prefix of everything the batch does.
func (k BatchKey) String() string { return k.ID + "@" + k.Run }

// PlanBatchOutput is the plan in short; the whole of it is stored under Plan.
type PlanBatchOutput struct {
	Plan        string      `json:"plan"`
	Version     string      `json:"version"`
	ModelDigest string      `json:"model_digest"`
	Data        DataVersion `json:"data"`
	Shards      int         `json:"shards"`
	Rows        int64       `json:"rows"`
	// Output is the data version that the same plan made before, with its counts; nil if there is none.
	Output  *DataVersion `json:"output,omitempty"`
	Refused int64        `json:"refused_rows,omitempty"`
}

// ShardInput asks for one shard of a plan.
type ShardInput struct {
	Key            BatchKey `json:"key"`
	Plan           string   `json:"plan"`
	Shard          int      `json:"shard"`
	Parallel       int      `json:"parallel"`
	MaxRefusedRows int64    `json:"max_refused_rows"`
}

// ShardOutput counts a shard's rows. Its file is on the catalog's record.
type ShardOutput struct {
	Rows     int64     `json:"rows"`
	Refused  int64     `json:"refused_rows"`
	Refusals []Refusal `json:"refusals,omitempty"` // at most five
	// Existed tells that the output was there already, by an earlier try or batch.
	Existed bool `json:"existed,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// KeepBatchInput keeps the outputs of shards from being collected while a batch is under way.
type KeepBatchInput struct {
	Plan string `json:"plan"`
}

// FinishBatchInput asks to make the outputs of all shards one data version.
type FinishBatchInput struct {
	Key         BatchKey    `json:"key"`
	Plan        string      `json:"plan"`
	Model       string      `json:"model"`
	Output      string      `json:"output"`
	Description string      `json:"description,omitempty"`
	Data        DataVersion `json:"data"`
	RequestedBy string      `json:"requested_by"`
	Started     time.Time   `json:"started"`
}

// FinishBatchOutput is the data version, or the shards whose output is gone.
type FinishBatchOutput struct {
	Output  DataVersion `json:"output"`
	Existed bool        `json:"existed,omitempty"`
	Rows    int64       `json:"rows"`
	Refused int64       `json:"refused_rows"`
	// Missing are shards to be done again, at most 1000 of them.
	Missing []int `json:"missing,omitempty"`
}

// Steer is what the signals pause and resume of a batch carry.
type Steer struct {
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}
