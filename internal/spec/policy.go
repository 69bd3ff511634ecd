package spec

// PolicyType says what a policy checks (capability G1).
type PolicyType string

// Policy types. Any other is an error when the spec is loaded.
const (
	PolicyPerformance   PolicyType = "performance_threshold"
	PolicyDataQuality   PolicyType = "data_quality"
	PolicyDocumentation PolicyType = "model_documentation"
)

// Policy is one governance policy; which fields count depends on Type.
type Policy struct {
	Name     string     `yaml:"name" json:"name" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"Name of the policy; each has its own."`
	Type     PolicyType `yaml:"type" json:"type" jsonschema:"enum=performance_threshold,enum=data_quality,enum=model_documentation" jsonschema_description:"What the policy checks."`
	Blocking bool       `yaml:"blocking,omitempty" json:"blocking,omitempty" jsonschema:"default=false" jsonschema_description:"A failed check of this policy stops the release whatever the overall score."`
	// MinAccuracy and MaxLatencyMS belong to performance_threshold; defaults 0.8 and 100.
	MinAccuracy  *float64 `yaml:"min_accuracy,omitempty" json:"min_accuracy,omitempty" jsonschema:"minimum=0,maximum=1,default=0.8" jsonschema_description:"performance_threshold: least accuracy on the test rows."`
	MaxLatencyMS *float64 `yaml:"max_latency_ms,omitempty" json:"max_latency_ms,omitempty" jsonschema:"exclusiveMinimum=0,default=100" jsonschema_description:"performance_threshold: largest mean latency in milliseconds."`
	// Required lists quality checks (completeness, uniqueness, validity, consistency, timeliness) for data_quality,
	// document kinds for model_documentation; defaults: completeness+uniqueness+validity; model_card+training_data+evaluation_report.
	Required []string `yaml:"required,omitempty" json:"required,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"data_quality: quality checks; model_documentation: kinds of documents."`
	// MinScore is the least value that a data quality check must reach; default 0.95.
	MinScore *float64 `yaml:"min_score,omitempty" json:"min_score,omitempty" jsonschema:"minimum=0,maximum=1,default=0.95" jsonschema_description:"data_quality: least value that each required check must reach."`
}

// Approvals says who must agree before traffic moves (capability G3).
type Approvals struct {
	Required      int        `yaml:"required,omitempty" json:"required" jsonschema:"minimum=0,maximum=100,default=0" jsonschema_description:"Number of different people who must approve; who asked for the release never counts."`
	Approvers     []Identity `yaml:"approvers,omitempty" json:"approvers,omitempty" jsonschema:"maxItems=100" jsonschema_description:"Who may approve and reject."`
	Operators     []Identity `yaml:"operators,omitempty" json:"operators,omitempty" jsonschema:"maxItems=100" jsonschema_description:"Who may pause, resume, promote and abort; empty: who asked for the release, and the approvers."`
	Deadline      Duration   `yaml:"deadline,omitempty" json:"deadline" jsonschema:"default=72h" jsonschema_description:"Without a decision by then the release ends."`
	EscalateAfter Duration   `yaml:"escalate_after,omitempty" json:"escalate_after" jsonschema:"default=24h" jsonschema_description:"A reminder goes out after this long without a quorum."`
}

// Identity is a person who may decide, with an optional public key. With a key,
// only messages signed by it count; without one, the name alone counts, which
// a worker accepts only where it was told to allow unverified identities (loopback development).
type Identity struct {
	Name string `yaml:"name" json:"name" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"Name by which the person decides."`
	// Key is an Ed25519 public key: base64 of the 32 bytes.
	Key string `yaml:"key,omitempty" json:"key,omitempty" jsonschema:"pattern=^[A-Za-z0-9+/]{43}=$" jsonschema_description:"Ed25519 public key, base64 of the 32 bytes. With a key only messages signed by it count."`
}
