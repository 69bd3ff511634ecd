package contract

import (
	"time"

	"github.com/slipway-ml/slipway/internal/spec"
)

// ReleaseInput starts a Release. Every file in Spec carries its digest.
type ReleaseInput struct {
	Spec        spec.Release `json:"spec"`
	RequestedBy string       `json:"requested_by"`
}

// Key identifies one attempt at a release. Run is the first run id of the
// workflow's chain, so a reset finds what the first attempt did and a new start
// after a failure does not.
type Key struct {
	Model   string `json:"model"`
	Version string `json:"version"`
	Run     string `json:"run"`
}

// String is the idempotency prefix of everything the attempt does.
func (k Key) String() string { return ReleaseID(k.Model, k.Version) + "@" + k.Run }

// Gate is one gate of a release.
type Gate string

// Gates in order.
const (
	GateData       Gate = "data"
	GateTests      Gate = "tests"
	GateRegister   Gate = "register"
	GateCompliance Gate = "compliance"
	GateCanary     Gate = "canary"
	GateProduction Gate = "production"
	GateMonitor    Gate = "monitor"
)

// Gates lists all gates in order.
func Gates() []Gate {
	return []Gate{GateData, GateTests, GateRegister, GateCompliance, GateCanary, GateProduction, GateMonitor}
}

// GateState is where a gate stands.
type GateState string

// Gate states.
const (
	GatePending GateState = "pending"
	GateRunning GateState = "running"
	GateWaiting GateState = "waiting"
	GatePassed  GateState = "passed"
	GateStopped GateState = "failed"
)

// GateReport is what is known of one gate.
type GateReport struct {
	Gate    Gate       `json:"gate"`
	State   GateState  `json:"state"`
	Started *time.Time `json:"started,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	// Summary is one sentence for people; on failure the reason.
	Summary string `json:"summary,omitempty"`
	// Report and Page are the digests of the gate's JSON report and its HTML page.
	Report string `json:"report,omitempty"`
	Page   string `json:"page,omitempty"`
	// JUnit is the digest of the report as JUnit XML, where there is one.
	JUnit string `json:"junit,omitempty"`
}

// Outcome is how a release ended.
type Outcome string

// Outcomes.
const (
	OutcomeRunning    Outcome = "running"
	OutcomeProduction Outcome = "production"
	OutcomeRefused    Outcome = "refused"     // another release of the model is under way
	OutcomeFailed     Outcome = "failed"      // data, tests, policies or an error stopped it
	OutcomeRejected   Outcome = "rejected"    // a person said no
	OutcomeExpired    Outcome = "expired"     // nobody decided in time
	OutcomeRolledBack Outcome = "rolled_back" // the canary's statistics sent it back
	OutcomeAborted    Outcome = "aborted"     // a person stopped it
)

// ReleaseStatus answers the status query of a Release, and is its result.
type ReleaseStatus struct {
	Model       string       `json:"model"`
	Version     string       `json:"version"`
	RequestedBy string       `json:"requested_by"`
	Outcome     Outcome      `json:"outcome"`
	Reason      string       `json:"reason,omitempty"`
	Paused      bool         `json:"paused,omitempty"`
	Gates       []GateReport `json:"gates"`
	// Waiting says what is awaited and how to give it; empty when nothing is.
	Waiting string `json:"waiting,omitempty"`
	// Candidate is the digest of the model under release: what an approval binds to.
	Candidate   string    `json:"candidate,omitempty"`
	DataVersion string    `json:"data_version,omitempty"`
	ModelID     string    `json:"model_id,omitempty"`
	Messages    []Message `json:"messages,omitempty"`
}

// BeginInput claims the model for this release.
type BeginInput struct {
	Key         Key    `json:"key"`
	RequestedBy string `json:"requested_by"`
	WorkflowID  string `json:"workflow_id"`
	Candidate   string `json:"candidate"`
}

// BeginOutput tells whether the claim holds. Holder names the release that has the model otherwise.
type BeginOutput struct {
	Admitted bool   `json:"admitted"`
	Holder   string `json:"holder,omitempty"`
	// Released is the stage of the version where it has been released before: production or archived.
	Released string `json:"released,omitempty"`
	// Production is the version that serves now; empty for a first release.
	Production       string `json:"production,omitempty"`
	ProductionDigest string `json:"production_digest,omitempty"`
	// AllowUnverified tells that this deployment takes an unsigned message at its word.
	AllowUnverified bool `json:"allow_unverified"`
}

// NoteGateInput puts a gate's state on record: the projection people list, and one audit event.
type NoteGateInput struct {
	Key  Key        `json:"key"`
	Gate GateReport `json:"gate"`
}

// FinishInput ends the release in the catalog, frees the model and records why.
// It carries what must be undone: the candidate's stage.
type FinishInput struct {
	Key     Key     `json:"key"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason"`
	By      string  `json:"by"`
}

// Empty is the result of activities that only do.
type Empty struct{}
