package contract

import "time"

// Decision approves or rejects a release, by signal or update. It binds to
// the candidate's digest, so it can't count for another release.
type Decision struct {
	ID        string    `json:"decision_id"`
	Release   string    `json:"release_id"`
	Candidate string    `json:"candidate_digest"`
	Decision  string    `json:"decision"` // "approve" or "reject"
	Approver  string    `json:"approver"`
	Reason    string    `json:"reason,omitempty"`
	IssuedAt  time.Time `json:"issued_at"`
	Signature string    `json:"signature,omitempty"` // base64 Ed25519 over governance.DecisionBytes
}

// Decisions.
const (
	Approve = "approve"
	Reject  = "reject"
)

// Control steers a release by the signals pause, resume, promote and abort.
type Control struct {
	ID        string    `json:"id"`
	Release   string    `json:"release_id"`
	By        string    `json:"by"`
	Reason    string    `json:"reason,omitempty"`
	IssuedAt  time.Time `json:"issued_at"`
	Signature string    `json:"signature,omitempty"`
}

// Message is a received signal or update on record, whether it counted or not.
type Message struct {
	Name     string    `json:"name"`
	ID       string    `json:"id,omitempty"`
	By       string    `json:"by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Decision string    `json:"decision,omitempty"`
	At       time.Time `json:"at"`
	Accepted bool      `json:"accepted"`
	// Why tells why a message was ignored.
	Why string `json:"why,omitempty"`
	// Identity is "verified" (signed by the key on file) or "unverified".
	Identity string `json:"identity,omitempty"`
}

// RecordMessageInput writes a message to the audit log. Seq numbers the messages of one workflow run.
type RecordMessageInput struct {
	Key     Key     `json:"key"`
	Scope   string  `json:"scope"` // workflow that received it: release, compliance or canary
	Seq     int     `json:"seq"`
	Message Message `json:"message"`
}

// NotifyInput tells people something; delivery is best effort and never blocks a release.
type NotifyInput struct {
	Key      Key    `json:"key"`
	Severity string `json:"severity"` // info, warn, error
	Text     string `json:"text"`
}
