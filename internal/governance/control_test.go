package governance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
	"github.com/slipway-ml/slipway/internal/spec"
)

func TestAuthorizeControlRoles(t *testing.T) {
	t.Parallel()
	open := approvals(1, spec.Identity{Name: "ann"})
	closed := open
	closed.Operators = []spec.Identity{{Name: "otto"}}
	for _, tc := range []struct {
		by                         string
		approvals                  spec.Approvals
		pause, resume, promote, ab bool
	}{
		{"ann", open, true, true, true, true},
		{"carol", open, true, true, true, true}, // asked for it
		{"eve", open, false, false, false, false},
		{"otto", closed, true, true, true, true},
		{"OTTO", closed, true, true, true, true},
		{"ann", closed, false, false, false, true},
		{"carol", closed, false, false, false, true},
		{"eve", closed, false, false, false, false},
	} {
		for signal, want := range map[string]bool{"pause": tc.pause, "resume": tc.resume, "promote": tc.promote, "abort": tc.ab} {
			ok, why, identity := governance.AuthorizeControl(tc.approvals, "carol", release, signal, contract.Control{ID: "1", Release: release, By: tc.by}, true)
			require.Equal(t, want, ok, "%s %s", tc.by, signal)
			require.Equal(t, "unverified", identity)
			if !want {
				require.Equal(t, `"`+tc.by+`" may not `+signal+` this release`, why)
			}
		}
	}
}

func TestAuthorizeControlProof(t *testing.T) {
	t.Parallel()
	a := approvals(1, spec.Identity{Name: "ann"}, keyed("bob"))
	a.Operators = []spec.Identity{keyed("ann"), {Name: "bob"}, {Name: "otto"}}
	send := func(signal string, c contract.Control, allowUnverified bool) (bool, string, string) {
		return governance.AuthorizeControl(a, "carol", release, signal, c, allowUnverified)
	}
	control := contract.Control{ID: "1", Release: release, By: "ann", Reason: "r"}
	control.Signature = governance.Sign(keyOf("ann"), governance.ControlBytes("pause", control))

	ok, why, identity := send("pause", control, false)
	require.True(t, ok, why)
	require.Equal(t, "verified", identity)
	ok, why, _ = send("abort", control, true)
	require.False(t, ok, "a signature for one signal is none for another")
	require.Equal(t, `the signature is not one by the key on file for "ann"`, why)

	for _, tc := range []struct {
		signal string
		c      contract.Control
		why    string
	}{
		{"pause", contract.Control{Release: release, By: "ann"}, "id is empty; give each signal an id of its own"},
		{"pause", contract.Control{ID: "1", Release: release}, "by is empty; name who sends the signal"},
		{"pause", contract.Control{ID: "1", Release: "x/1", By: "ann"}, `it is for release "x/1"; this one is credit/1.1.0`},
		{"decide", contract.Control{ID: "1", Release: release, By: "ann"}, `signal is "decide"; want pause, resume, promote or abort`},
		{"pause", contract.Control{ID: "1", Release: release, By: "otto"}, `no public key is on file for "otto", and this deployment takes signed messages only`},
		{"pause", contract.Control{ID: "1", Release: release, By: "bob"}, `not signed, and a public key is on file for "bob"`}, // the key stands among the approvers
	} {
		ok, why, _ := send(tc.signal, tc.c, false)
		require.False(t, ok)
		require.Equal(t, tc.why, why)
	}

	a.Operators = []spec.Identity{{Name: "zoe", Key: "not a key"}}
	ok, why, _ = send("pause", contract.Control{ID: "1", Release: release, By: "zoe"}, true)
	require.False(t, ok)
	require.Equal(t, `the key on file for "zoe" is not an Ed25519 public key`, why)
}

// With nobody named, an empty name is nobody's.
func TestAuthorizeControlEmptyRequester(t *testing.T) {
	t.Parallel()
	ok, _, _ := governance.AuthorizeControl(spec.Approvals{}, "", release, "abort", contract.Control{ID: "1", Release: release, By: " "}, true)
	require.False(t, ok)
}
