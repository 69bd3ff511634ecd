package contract

import (
	"time"

	"github.com/slipway-ml/slipway/internal/spec"
)

// ComplianceInput starts the Compliance child of a release.
type ComplianceInput struct {
	Key         Key                  `json:"key"`
	RequestedBy string               `json:"requested_by"`
	Candidate   string               `json:"candidate"`
	ModelID     string               `json:"model_id"`
	Policies    []spec.Policy        `json:"policies,omitempty"`
	Approvals   spec.Approvals       `json:"approvals"`
	Documents   map[string]spec.File `json:"documents,omitempty"`
	// Metrics are the test gate's numbers, Quality the data gate's.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Quality map[string]float64 `json:"quality,omitempty"`
	// AllowUnverified: see BeginOutput.
	AllowUnverified bool `json:"allow_unverified"`
}

// EvaluateInput asks for the policies' verdict.
type EvaluateInput struct {
	Key       Key                  `json:"key"`
	Policies  []spec.Policy        `json:"policies,omitempty"`
	Documents map[string]spec.File `json:"documents,omitempty"`
	Metrics   map[string]float64   `json:"metrics,omitempty"`
	Quality   map[string]float64   `json:"quality,omitempty"`
}

// EvaluateOutput is the policies' verdict (capability G2) and what the workplace allows.
type EvaluateOutput struct {
	Compliant bool    `json:"compliant"`
	Score     float64 `json:"score"`
	Summary   string  `json:"summary"`
	Report    Report  `json:"report"`
}

// ComplianceStatus answers the status query of Compliance, and is its result.
type ComplianceStatus struct {
	Outcome   Outcome   `json:"outcome"` // production here means: may go on
	Reason    string    `json:"reason,omitempty"`
	Compliant bool      `json:"compliant"`
	Score     float64   `json:"score"`
	Report    Report    `json:"report"`
	Required  int       `json:"required"`
	Approved  []string  `json:"approved,omitempty"`
	Deadline  time.Time `json:"deadline,omitzero"`
	Waiting   string    `json:"waiting,omitempty"`
	Messages  []Message `json:"messages,omitempty"`
}
