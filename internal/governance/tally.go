package governance

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Tally counts the decisions on one candidate of one release. It is a plain
// value that a workflow may keep, copy and serialise.
type Tally struct {
	Approvals spec.Approvals `json:"approvals"`
	Requester string         `json:"requester"`
	// Release is the release's workflow id, Candidate the digest of the model: what decisions must name.
	Release         string `json:"release"`
	Candidate       string `json:"candidate"`
	AllowUnverified bool   `json:"allow_unverified"`

	// Approved names who approved, in the order of the approvals.
	Approved []string `json:"approved,omitempty"`
	// RejectedBy and Reason are set by the first rejection, which is final.
	RejectedBy string `json:"rejected_by,omitempty"`
	Reason     string `json:"reason,omitempty"`
	// Counted has the ids of decisions that counted.
	Counted []string `json:"counted,omitempty"`
}

// NewTally starts with no decisions. allowUnverified takes people without a key at their word.
func NewTally(approvals spec.Approvals, requester, releaseID, candidate string, allowUnverified bool) *Tally {
	return &Tally{
		Approvals: approvals, Requester: requester, Release: releaseID, Candidate: candidate, AllowUnverified: allowUnverified,
	}
}

// Consider counts a decision or tells why it does not count. An id is used up
// only by a decision that counts, so a forged message can't burn a real one's.
func (t *Tally) Consider(d contract.Decision) (accepted bool, why, identity string) {
	who, why := t.admissible(d)
	if why != "" {
		return false, why, Unverified
	}
	ok, why, identity := verify(who, DecisionBytes(d), d.Signature, t.AllowUnverified)
	if !ok {
		return false, why, identity
	}
	t.Counted = append(t.Counted, d.ID)
	if d.Decision == contract.Reject {
		t.RejectedBy, t.Reason = who.Name, d.Reason
	} else {
		t.Approved = append(t.Approved, who.Name)
	}
	return true, "", identity
}

// admissible is all of Consider but the proof of identity; why is empty when the decision may count.
func (t *Tally) admissible(d contract.Decision) (who spec.Identity, why string) {
	who, approver, _ := find(t.Approvals, d.Approver)
	requester := same(d.Approver, t.Requester)
	switch {
	case d.ID == "":
		return who, "decision_id is empty; give each decision an id of its own"
	case d.Release != t.Release:
		return who, fmt.Sprintf("it is for release %s; this one is %s", strconv.Quote(d.Release), t.Release)
	case d.Candidate != t.Candidate:
		return who, fmt.Sprintf("it is for candidate %s; this one is %s", strconv.Quote(d.Candidate), t.Candidate)
	case d.Decision != contract.Approve && d.Decision != contract.Reject:
		return who, fmt.Sprintf("decision is %s; want approve or reject", strconv.Quote(d.Decision))
	case slices.Contains(t.Counted, d.ID):
		return who, "a decision with this decision_id has counted already"
	case t.RejectedBy != "":
		return who, "the release has been rejected by " + t.RejectedBy
	case requester && d.Decision == contract.Approve:
		return who, strconv.Quote(who.Name) + " asked for the release; somebody else must approve it"
	case !approver && !requester:
		return who, strconv.Quote(who.Name) + " is not an approver of this release"
	case d.Decision == contract.Approve && slices.Contains(t.Approved, who.Name):
		return who, strconv.Quote(who.Name) + " has approved already"
	}
	return who, ""
}

// State is where the decisions stand. quorum is true when as many people as
// required have approved and nobody rejected; with none required it holds from the start.
func (t *Tally) State() (approved []string, rejectedBy, reason string, quorum bool) {
	return slices.Clone(t.Approved), t.RejectedBy, t.Reason, t.RejectedBy == "" && len(t.Approved) >= t.Approvals.Required
}
