package spec

// APIVersion is the version of the spec format that this package reads.
const APIVersion = "slipway/v1"

// Release describes one release of one model version: the root of release.yaml.
type Release struct {
	APIVersion string    `yaml:"apiVersion" json:"apiVersion" jsonschema:"enum=slipway/v1" jsonschema_description:"Version of this format."`
	Model      Model     `yaml:"model" json:"model" jsonschema_description:"What the model is, how it was made and how it is meant to be served."`
	Data       Data      `yaml:"data" json:"data" jsonschema_description:"The tables of the release and what their columns mean."`
	Tests      Tests     `yaml:"tests,omitempty" json:"tests" jsonschema_description:"Limits of the model tests."`
	Policies   []Policy  `yaml:"policies,omitempty" json:"policies,omitempty" jsonschema_description:"Governance policies. A release complies with a mean score of at least 0.8 and no failed blocking policy."`
	Approvals  Approvals `yaml:"approvals,omitempty" json:"approvals" jsonschema_description:"Who must agree before traffic moves."`
	Canary     Canary    `yaml:"canary,omitempty" json:"canary" jsonschema_description:"How traffic moves to the candidate."`
	Monitor    Monitor   `yaml:"monitor,omitempty" json:"monitor" jsonschema_description:"The schedule that watches the version in production."`
}

// ID is the business key "<model>/<version>" of the release.
func (r Release) ID() string { return r.Model.Name + "/" + r.Model.Version }

// Model is the model configuration (capability T1): what the model is, how it
// was made and how it is meant to be served.
type Model struct {
	Name        string  `yaml:"name" json:"name" jsonschema:"pattern=^[a-z0-9][a-z0-9._-]{0\\,62}$" jsonschema_description:"Name of the model."`
	Version     string  `yaml:"version" json:"version" jsonschema:"pattern=^[a-z0-9][a-z0-9._-]{0\\,62}$" jsonschema_description:"Version of the model; each release has its own. Write it in quotes if it looks like a number."`
	Description string  `yaml:"description,omitempty" json:"description,omitempty" jsonschema_description:"For people."`
	Artifact    File    `yaml:"artifact" json:"artifact" jsonschema_description:"The model's file: ONNX, TorchScript, a bundle of a state dict and its model class, the document of an ensemble, or what another runtime takes."`
	Runtime     string  `yaml:"runtime,omitempty" json:"runtime,omitempty" jsonschema:"pattern=^[a-z0-9][a-z0-9._-]{0\\,62}$" jsonschema_description:"What runs the model: onnx, torch, ensemble, or a runtime that the daemons' settings name; found by the file's content where left out."`
	Task        Task    `yaml:"task" json:"task" jsonschema:"enum=classification,enum=regression" jsonschema_description:"What the output means."`
	Outputs     Outputs `yaml:"outputs,omitempty" json:"outputs" jsonschema_description:"Graph outputs to read; found by name and type where left out."`
	// OperatorDomains are allowed beside the standard ones, ai.onnx and ai.onnx.ml.
	OperatorDomains []string   `yaml:"operator_domains,omitempty" json:"operator_domains,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"Domains of operators that the model may use beside ai.onnx and ai.onnx.ml, such as com.microsoft."`
	Architecture    string     `yaml:"architecture,omitempty" json:"architecture,omitempty" jsonschema_description:"For people: what kind of model it is."`
	Hyperparameters Params     `yaml:"hyperparameters,omitempty" json:"hyperparameters,omitempty" jsonschema_description:"Free values that are kept exactly as written."`
	Training        Params     `yaml:"training,omitempty" json:"training,omitempty" jsonschema_description:"How the model was trained: free values that are kept exactly as written."`
	Deployment      Deployment `yaml:"deployment,omitempty" json:"deployment" jsonschema_description:"How the model is meant to be served."`
	// Documents by kind (model_card, training_data, evaluation_report, …); policies name the kinds they require.
	Documents map[string]File `yaml:"documents,omitempty" json:"documents,omitempty" jsonschema_description:"Documents by kind (model_card, training_data, evaluation_report or any other name)."`
	// ExternalData are the files that the artifact may keep weights in. The start
	// of a release merges them into the artifact, whose digest then covers them.
	ExternalData []File `yaml:"external_data,omitempty" json:"external_data,omitempty" jsonschema:"maxItems=1000" jsonschema_description:"Files beside the artifact that it keeps weights in (ONNX external data). The start of a release merges them into the artifact."`
}

// Task says what the model's output means.
type Task string

// Tasks.
const (
	Classification Task = "classification"
	Regression     Task = "regression"
)

// Outputs names the graph outputs to read. An empty name means the default:
// for a classifier the outputs called "label" and "probabilities" or else the
// first integer and the first floating-point output; for a regression the first output.
type Outputs struct {
	Label         string `yaml:"label,omitempty" json:"label,omitempty" jsonschema_description:"Output that holds the predicted class or value."`
	Probabilities string `yaml:"probabilities,omitempty" json:"probabilities,omitempty" jsonschema_description:"Output that holds the class probabilities."`
}

// Deployment is how the model is meant to be served (capability S2).
type Deployment struct {
	Kind      string `yaml:"kind,omitempty" json:"kind" jsonschema:"enum=online,enum=batch,enum=streaming,default=online" jsonschema_description:"How predictions are mostly asked for; on record for people, each is served every way."`
	BatchSize int    `yaml:"batch_size,omitempty" json:"batch_size" jsonschema:"minimum=1,maximum=4096,default=32" jsonschema_description:"Most rows in one inference."`
	// Instances is how many batches run at once on a device; 0 leaves it to the size of the model and the device.
	Instances int `yaml:"instances,omitempty" json:"instances,omitempty" jsonschema:"minimum=0,maximum=256,default=0" jsonschema_description:"Batches that run at once on a device, each with its share of the threads; 0 is chosen from the device and the size of the model."`
	// ResponseCacheMB bounds the answers of each gateway that are kept to be given again; 0 keeps none.
	ResponseCacheMB int `yaml:"response_cache_mb,omitempty" json:"response_cache_mb,omitempty" jsonschema:"minimum=0,maximum=100000,default=0" jsonschema_description:"Megabytes of answers that a gateway keeps, to give them again to requests with the same inputs; 0 keeps none. For models whose answer depends on their inputs only."`
	// Resources are what a batch takes while it runs of what models on a device share, and Priority whose turn it is, see package serving.
	Resources           Resources `yaml:"resources,omitempty" json:"resources,omitempty" jsonschema_description:"What one running batch takes of resources that models share, by name; none where left out."`
	Priority            int       `yaml:"priority,omitempty" json:"priority,omitempty" jsonschema:"minimum=1,maximum=1024,default=1" jsonschema_description:"Where models compete for resources, one of priority N gets 1/N of the turns of one of priority 1."`
	MaxLatencyMS        float64   `yaml:"max_latency_ms,omitempty" json:"max_latency_ms" jsonschema:"exclusiveMinimum=0,default=100" jsonschema_description:"Latency that callers can rely on, in milliseconds."`
	MaxThroughput       float64   `yaml:"max_throughput,omitempty" json:"max_throughput" jsonschema:"exclusiveMinimum=0,default=1000" jsonschema_description:"Requests per second that are expected, of one gateway; limit_throughput says whether more are refused."`
	LimitThroughput     bool      `yaml:"limit_throughput,omitempty" json:"limit_throughput,omitempty" jsonschema:"default=false" jsonschema_description:"Whether a gateway refuses requests above max_throughput at once; else that is on record only."`
	AutoScaling         *bool     `yaml:"auto_scaling,omitempty" json:"auto_scaling" jsonschema:"default=true" jsonschema_description:"Whether instances shall follow the load; on record, nothing scales them yet."`
	HealthCheckInterval Duration  `yaml:"health_check_interval,omitempty" json:"health_check_interval" jsonschema:"default=30s" jsonschema_description:"Time between two health checks, each of which runs the model; below 1s counts as 1s."`
}

// Data names the tables of the release and what their columns mean. The tables
// together are one data version: files beside the spec become one, or Version
// names one that is stored and the tables are files of it.
type Data struct {
	Name        string   `yaml:"name,omitempty" json:"name" jsonschema:"pattern=^[a-z0-9][a-z0-9._-]{0\\,62}$" jsonschema_description:"Name of the data collection that the files become a version of; default: the model's name. Not beside version."`
	Version     string   `yaml:"version,omitempty" json:"version,omitempty" jsonschema:"minLength=1" jsonschema_description:"A stored data version that holds the tables: NAME@N, NAME for its latest, a tag, or a digest. The tables are then paths inside it."`
	Train       File     `yaml:"train" json:"train" jsonschema_description:"Training rows: CSV with a header, Parquet, NPY, NPZ or JSON lines."`
	Test        File     `yaml:"test" json:"test" jsonschema_description:"Test rows that the model has not seen, in one of these formats."`
	Reference   File     `yaml:"reference,omitempty" json:"reference" jsonschema_description:"Rows that validation and monitoring compare distributions with; default: train."`
	Label       string   `yaml:"label" json:"label" jsonschema:"minLength=1" jsonschema_description:"Column that holds the truth."`
	Schema      File     `yaml:"schema" json:"schema" jsonschema_description:"Schema of the tables in YAML; always a file beside the spec."`
	Environment string   `yaml:"environment,omitempty" json:"environment,omitempty" jsonschema:"minLength=1" jsonschema_description:"Environment of the schema that the tables belong to, such as training; all parts of the schema apply unless said."`
	Sensitive   []string `yaml:"sensitive,omitempty" json:"sensitive,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"Columns that hold personal data; never logged, never shown in a report."`
	Exclude     []string `yaml:"exclude,omitempty" json:"exclude,omitempty" jsonschema:"uniqueItems=true" jsonschema_description:"Columns that are not inputs of the model."`
}

// Table is one of the tables of a release: its field of the spec and its file.
type Table struct {
	Field string // data.train
	Role  string // train
	File  *File
}

// Tables lists train, test and reference, in this order.
func (d *Data) Tables() []Table {
	return []Table{{"data.train", "train", &d.Train}, {"data.test", "test", &d.Test}, {"data.reference", "reference", &d.Reference}}
}

// Tests are the limits of the model tests (capabilities C1-C4).
type Tests struct {
	LatencyMS         float64       `yaml:"latency_ms,omitempty" json:"latency_ms" jsonschema:"exclusiveMinimum=0,default=100" jsonschema_description:"Limit of the mean inference latency over 100 runs, in milliseconds."`
	MemoryMB          float64       `yaml:"memory_mb,omitempty" json:"memory_mb" jsonschema:"exclusiveMinimum=0,default=500" jsonschema_description:"Limit of the memory growth over 10 batches, in megabytes."`
	Tolerance         float64       `yaml:"tolerance,omitempty" json:"tolerance" jsonschema:"exclusiveMinimum=0,default=1e-6" jsonschema_description:"Largest difference between two runs, and between a row alone and in a batch."`
	MinAccuracy       float64       `yaml:"min_accuracy,omitempty" json:"min_accuracy" jsonschema:"minimum=0,maximum=1,default=0" jsonschema_description:"Classification: least accuracy on the test rows."`
	MaxRMSE           float64       `yaml:"max_rmse,omitempty" json:"max_rmse,omitempty" jsonschema:"minimum=0,default=0" jsonschema_description:"Regression: largest root mean squared error; 0 is no limit."`
	Gradient          Gradient      `yaml:"gradient,omitempty" json:"gradient" jsonschema_description:"How gradient_computation looks at the parameters."`
	Process           Process       `yaml:"process,omitempty" json:"process" jsonschema_description:"Limits of the child process that the tests run in."`
	Skipped           Skipped       `yaml:"skipped,omitempty" json:"skipped" jsonschema:"enum=pass,enum=fail,default=pass" jsonschema_description:"What a test that could not run means for the release; either way the report says why."`
	AgainstProduction Against       `yaml:"against_production,omitempty" json:"against_production" jsonschema_description:"How much worse than the version in production a candidate may be."`
	Limits            []MetricLimit `yaml:"limits,omitempty" json:"limits,omitempty" jsonschema_description:"Limits of any metric that the tests measure."`
	Intervals         Intervals     `yaml:"intervals,omitempty" json:"intervals" jsonschema_description:"The confidence intervals of the metrics."`
	Calibration       Calibration   `yaml:"calibration,omitempty" json:"calibration" jsonschema_description:"Classification: whether probabilities are frequencies."`
	Slices            Slices        `yaml:"slices,omitempty" json:"slices" jsonschema_description:"How the model does on parts of the test rows."`
	Metamorphic       []Metamorphic `yaml:"metamorphic,omitempty" json:"metamorphic,omitempty" jsonschema_description:"What must hold between the answers to a row and to the same row changed."`
	Leakage           Leakage       `yaml:"leakage,omitempty" json:"leakage" jsonschema_description:"What the test rows may give away."`
	Baseline          Baseline      `yaml:"baseline,omitempty" json:"baseline" jsonschema_description:"Simple models that the candidate is compared with."`
}

// Skipped says what a test that could not run, such as the comparison of a
// first release with production, means for the release. A test that the model
// itself kept from running is failed, not skipped, or follows one that is.
type Skipped string

// What skipped tests mean.
const (
	SkippedPasses Skipped = "pass"
	SkippedFails  Skipped = "fail"
)

// Against limits how much worse than the version in production a candidate may be.
type Against struct {
	// MaxAccuracyDrop fails the gate when accuracy on the test rows falls by more than this; default 0.05.
	MaxAccuracyDrop *float64 `yaml:"max_accuracy_drop,omitempty" json:"max_accuracy_drop" jsonschema:"minimum=0,maximum=1,default=0.05" jsonschema_description:"Fails the gate when accuracy on the test rows falls by more than this."`
	// Alpha is the level of the one-sided exact McNemar test "the candidate is worse"; default 0.05.
	Alpha float64 `yaml:"alpha,omitempty" json:"alpha" jsonschema:"exclusiveMinimum=0,maximum=0.5,default=0.05" jsonschema_description:"Level of the one-sided exact McNemar test that the candidate is worse."`
	// MaxNegativeFlipRate bounds the share of rows that production answers rightly and the candidate wrongly; default 1.
	MaxNegativeFlipRate *float64 `yaml:"max_negative_flip_rate,omitempty" json:"max_negative_flip_rate" jsonschema:"minimum=0,maximum=1,default=1" jsonschema_description:"Classification: largest share of the test rows that production answers rightly and the candidate wrongly."`
	// MaxNegativeFlips bounds their number; 0 is no limit.
	MaxNegativeFlips int `yaml:"max_negative_flips,omitempty" json:"max_negative_flips" jsonschema:"minimum=0,default=0" jsonschema_description:"Classification: most rows that production answers rightly and the candidate wrongly; 0 is no limit."`
}

// Monitor configures the schedule that watches the version in production (M3-M5).
type Monitor struct {
	Interval   Duration `yaml:"interval,omitempty" json:"interval" jsonschema:"default=60s" jsonschema_description:"Time between two windows."`
	Window     int      `yaml:"window,omitempty" json:"window" jsonschema:"minimum=1,maximum=1000000,default=1000" jsonschema_description:"Newest predictions looked at; not less than min_samples."`
	MinSamples int      `yaml:"min_samples,omitempty" json:"min_samples" jsonschema:"minimum=1,default=100" jsonschema_description:"Predictions that a window needs for a verdict."`
	KSAlpha    float64  `yaml:"ks_alpha,omitempty" json:"ks_alpha" jsonschema:"exclusiveMinimum=0,maximum=0.5,default=0.05" jsonschema_description:"Level of the Kolmogorov-Smirnov tests together (Holm over the features)."`
	PSILimit   float64  `yaml:"psi_limit,omitempty" json:"psi_limit" jsonschema:"exclusiveMinimum=0,default=0.2" jsonschema_description:"Population stability index above which a feature has drifted."`
	PSIBins    int      `yaml:"psi_bins,omitempty" json:"psi_bins" jsonschema:"minimum=2,maximum=100,default=10" jsonschema_description:"Quantile bins of the population stability index."`
}
