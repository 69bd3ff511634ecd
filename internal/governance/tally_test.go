package governance_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
	"github.com/slipway-ml/slipway/internal/spec"
)

const (
	release   = "credit/1.1.0"
	candidate = "sha256:abc"
)

// keyOf is the same key for the same name in every run.
func keyOf(name string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte((name + strings.Repeat(".", 32))[:32]))
}

func keyed(name string) spec.Identity {
	public := keyOf(name).Public().(ed25519.PublicKey)
	return spec.Identity{Name: name, Key: base64.StdEncoding.EncodeToString(public)}
}

func approvals(required int, people ...spec.Identity) spec.Approvals {
	return spec.Approvals{Required: required, Approvers: people}
}

func decision(id, approver, verdict string) contract.Decision {
	return contract.Decision{
		ID: id, Release: release, Candidate: candidate, Decision: verdict, Approver: approver, Reason: "because",
		IssuedAt: time.Date(2026, 1, 31, 12, 0, 0, 5, time.FixedZone("x", 3600)),
	}
}

func signedBy(key ed25519.PrivateKey, d contract.Decision) contract.Decision {
	d.Signature = governance.Sign(key, governance.DecisionBytes(d))
	return d
}

func TestTallyConsider(t *testing.T) {
	t.Parallel()
	with := func(d contract.Decision, change func(*contract.Decision)) contract.Decision { change(&d); return d }
	ann, bob, carol := keyed("ann"), spec.Identity{Name: "bob"}, spec.Identity{Name: "carol"}
	for _, tc := range []struct {
		name     string
		before   []contract.Decision
		d        contract.Decision
		strict   bool
		accepted bool
		why      string
		identity string
	}{
		{name: "approve", d: decision("1", "bob", "approve"), accepted: true, identity: "unverified"},
		{name: "reject", d: decision("1", "bob", "reject"), accepted: true, identity: "unverified"},
		{name: "signed", d: signedBy(keyOf("ann"), decision("1", "ann", "approve")), strict: true, accepted: true, identity: "verified"},
		{name: "name in other case", d: decision("1", "BOB", "approve"), accepted: true, identity: "unverified"},
		{name: "not signed", d: decision("1", "ann", "approve"), why: `not signed, and a public key is on file for "ann"`},
		{name: "signed by another", d: signedBy(keyOf("eve"), decision("1", "ann", "approve")), why: `the signature is not one by the key on file for "ann"`},
		{name: "signature of another text", d: with(signedBy(keyOf("ann"), decision("1", "ann", "reject")), func(d *contract.Decision) { d.Decision = "approve" }), why: `the signature is not one by the key on file for "ann"`},
		{name: "signature is no base64", d: with(decision("1", "ann", "approve"), func(d *contract.Decision) { d.Signature = "?" }), why: `the signature is not one by the key on file for "ann"`},
		{name: "no key on file", d: decision("1", "bob", "approve"), strict: true, why: `no public key is on file for "bob", and this deployment takes signed messages only`},
		{name: "no id", d: decision("", "bob", "approve"), why: "decision_id is empty; give each decision an id of its own"},
		{name: "other release", d: with(decision("1", "bob", "approve"), func(d *contract.Decision) { d.Release = "credit/1.0.0" }), why: `it is for release "credit/1.0.0"; this one is credit/1.1.0`},
		{name: "other candidate", d: with(decision("1", "bob", "approve"), func(d *contract.Decision) { d.Candidate = "sha256:def" }), why: `it is for candidate "sha256:def"; this one is sha256:abc`},
		{name: "no candidate", d: with(decision("1", "bob", "approve"), func(d *contract.Decision) { d.Candidate = "" }), why: `it is for candidate ""; this one is sha256:abc`},
		{name: "other word", d: decision("1", "bob", "Approve"), why: `decision is "Approve"; want approve or reject`},
		{name: "stranger", d: decision("1", "eve", "approve"), why: `"eve" is not an approver of this release`},
		{name: "stranger rejects", d: decision("1", "eve", "reject"), why: `"eve" is not an approver of this release`},
		{name: "requester approves", d: decision("1", "carol", "approve"), why: `"carol" asked for the release; somebody else must approve it`},
		{name: "requester approves in other case", d: decision("1", " Carol ", "approve"), why: `"carol" asked for the release; somebody else must approve it`},
		{name: "requester rejects", d: decision("1", "carol", "reject"), accepted: true, identity: "unverified"},
		{name: "same id", before: []contract.Decision{decision("1", "bob", "approve")}, d: signedBy(keyOf("ann"), decision("1", "ann", "approve")), why: "a decision with this decision_id has counted already"},
		{name: "same person", before: []contract.Decision{decision("1", "bob", "approve")}, d: decision("2", "Bob", "approve"), why: `"bob" has approved already`},
		{name: "changed mind", before: []contract.Decision{decision("1", "bob", "approve")}, d: decision("2", "bob", "reject"), accepted: true, identity: "unverified"},
		{name: "after a rejection", before: []contract.Decision{decision("1", "bob", "reject")}, d: signedBy(keyOf("ann"), decision("2", "ann", "approve")), why: "the release has been rejected by bob"},
		{name: "a refused message burns no id", before: []contract.Decision{decision("1", "ann", "approve")}, d: decision("1", "bob", "approve"), accepted: true, identity: "unverified"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tally := governance.NewTally(approvals(2, ann, bob, carol), "carol", release, candidate, !tc.strict)
			for _, d := range tc.before {
				tally.Consider(d)
			}
			if tc.identity == "" {
				tc.identity = "unverified"
			}
			accepted, why, identity := tally.Consider(tc.d)
			require.Equal(t, tc.accepted, accepted, why)
			require.Equal(t, tc.why, why)
			require.Equal(t, tc.identity, identity)
		})
	}
}

func TestTallyState(t *testing.T) {
	t.Parallel()
	tally := governance.NewTally(approvals(2, spec.Identity{Name: "ann"}, spec.Identity{Name: "bob"}), "carol", release, candidate, true)
	state := func() (string, string, bool) {
		approved, rejectedBy, _, quorum := tally.State()
		return strings.Join(approved, ","), rejectedBy, quorum
	}
	check := func(approved, rejectedBy string, quorum bool) {
		t.Helper()
		a, r, q := state()
		require.Equal(t, []any{approved, rejectedBy, quorum}, []any{a, r, q})
	}
	check("", "", false)
	tally.Consider(decision("1", "bob", "approve"))
	check("bob", "", false)

	b, err := json.Marshal(tally) // a workflow may hand it on
	require.NoError(t, err)
	var copied governance.Tally
	require.NoError(t, json.Unmarshal(b, &copied))
	require.Equal(t, *tally, copied)

	tally.Consider(decision("2", "ann", "approve"))
	check("bob,ann", "", true)
	tally.Consider(decision("3", "ann", "reject"))
	check("bob,ann", "ann", false)
	_, _, reason, _ := tally.State()
	require.Equal(t, "because", reason)

	_, _, _, quorum := governance.NewTally(approvals(0), "carol", release, candidate, false).State()
	require.True(t, quorum, "nobody needs to approve")
}

// Whatever comes in, in any order: a quorum takes as many different people as
// required, none of whom asked for the release, and one rejection undoes it.
func TestTallyProperties(t *testing.T) {
	t.Parallel()
	names := []string{"ann", "bob", "Bob", "carol", "dora", "eve"}
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 7))
		required := r.IntN(4)
		strict := r.IntN(2) == 0
		tally := governance.NewTally(approvals(required, keyed("ann"), spec.Identity{Name: "bob"}, keyed("carol"), keyed("dora")), "carol", release, candidate, !strict)
		approved, rejected := map[string]bool{}, false
		for i := range r.IntN(15) {
			name := names[r.IntN(len(names))]
			d := decision(strconv.Itoa(r.IntN(8)), name, []string{"approve", "approve", "approve", "reject", "maybe"}[r.IntN(5)])
			if r.IntN(8) == 0 {
				d.Candidate = "sha256:other"
			}
			if r.IntN(8) == 0 {
				d.Release = "credit/0.0.0"
			}
			signer := name
			if r.IntN(6) == 0 {
				signer = "eve"
			}
			d = signedBy(keyOf(signer), d)
			accepted, why, identity := tally.Consider(d)
			require.Equal(t, accepted, why == "")
			if accepted {
				require.Equal(t, candidate, d.Candidate)
				require.Equal(t, release, d.Release)
				require.False(t, rejected, "nothing counts after a rejection")
				lower := strings.ToLower(name)
				if lower != "bob" {
					require.Equal(t, name, signer, "step %d: only the key on file counts", i)
					require.Equal(t, "verified", identity)
				} else {
					require.False(t, strict)
				}
				switch d.Decision {
				case "approve":
					require.False(t, approved[lower], "once for each person")
					approved[lower] = true
				case "reject":
					rejected = true
				default:
					t.Fatal("maybe counted")
				}
			}
			got, rejectedBy, _, quorum := tally.State()
			require.NotContains(t, got, "carol", "who asks never approves")
			require.NotContains(t, got, "eve")
			require.Equal(t, len(approved), len(slices.Compact(slices.Sorted(slices.Values(got)))))
			require.Equal(t, rejected, rejectedBy != "")
			require.Equal(t, !rejected && len(approved) >= required, quorum)
		}
	}
}

func TestDecisionBytes(t *testing.T) {
	t.Parallel()
	require.Equal(t, `slipway/decision/v1
decision_id 1
1
release_id 12
credit/1.1.0
candidate_digest 10
sha256:abc
decision 7
approve
approver 3
ann
reason 7
because
issued_at 30
2026-01-31T11:00:00.000000005Z
`, string(governance.DecisionBytes(decision("1", "ann", "approve"))))
	require.Equal(t, `slipway/control/v1
signal 5
abort
id 1
7
release_id 12
credit/1.1.0
by 3
ann
reason 0

issued_at 20
0001-01-01T00:00:00Z
`, string(governance.ControlBytes("abort", contract.Control{ID: "7", Release: release, By: "ann"})))

	// No two decisions share their bytes, however the values run into each other.
	a, b := decision("1", "ann\nreason 0", "approve"), decision("1", "ann", "approve")
	a.Reason, b.Reason = "x", "\nreason 1\nx"
	require.NotEqual(t, governance.DecisionBytes(a), governance.DecisionBytes(b))

	// The zone in which a time is written does not matter.
	c, d := decision("1", "ann", "approve"), decision("1", "ann", "approve")
	d.IssuedAt = d.IssuedAt.UTC()
	require.Equal(t, governance.DecisionBytes(c), governance.DecisionBytes(d))
}
