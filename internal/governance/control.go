package governance

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

// AuthorizeControl tells whether a control signal counts. Operators may send
// all of pause, resume, promote and abort; without a list of operators, who
// asked for the release and the approvers may. Abort, which only makes things
// safer, any operator, any approver and who asked for the release may send.
//
// It knows nothing of earlier signals: the caller ignores an id that counted before.
func AuthorizeControl(a spec.Approvals, requester, releaseID, signal string, c contract.Control, allowUnverified bool) (ok bool, why, identity string) {
	who, approver, operator := find(a, c.By)
	asked := same(c.By, requester)
	switch {
	case c.ID == "":
		return false, "id is empty; give each signal an id of its own", Unverified
	case strings.TrimSpace(c.By) == "":
		return false, "by is empty; name who sends the signal", Unverified
	case c.Release != releaseID:
		return false, fmt.Sprintf("it is for release %s; this one is %s", strconv.Quote(c.Release), releaseID), Unverified
	}
	allowed := operator
	switch signal {
	case contract.SignalAbort:
		allowed = operator || approver || asked
	case contract.SignalPause, contract.SignalResume, contract.SignalPromote:
		if len(a.Operators) == 0 {
			allowed = approver || asked
		}
	default:
		return false, fmt.Sprintf("signal is %s; want pause, resume, promote or abort", strconv.Quote(signal)), Unverified
	}
	if !allowed {
		return false, fmt.Sprintf("%s may not %s this release", strconv.Quote(who.Name), signal), Unverified
	}
	return verify(who, ControlBytes(signal, c), c.Signature, allowUnverified)
}
