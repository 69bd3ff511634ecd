package governance

import (
	"crypto/ed25519"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

// How sure it is that a message comes from the person it names.
const (
	Verified   = "verified"   // signed by the key on file
	Unverified = "unverified" // the name alone
)

// What a signature covers begins with one of these lines, so that a signature
// over one kind of message can't be passed off as another. Signers elsewhere rely on the format: append only.
const (
	decisionDomain = "slipway/decision/v1"
	controlDomain  = "slipway/control/v1"
)

// DecisionBytes is what an approver signs: the line "slipway/decision/v1", then
// for each field a line "<name> <length of the value in bytes>" and a line with the value:
// decision_id, release_id, candidate_digest, decision, approver, reason, issued_at.
// The time is RFC 3339 in UTC with as many digits of the second's fraction as it needs.
func DecisionBytes(d contract.Decision) []byte {
	return signed(decisionDomain,
		"decision_id", d.ID,
		"release_id", d.Release,
		"candidate_digest", d.Candidate,
		"decision", d.Decision,
		"approver", d.Approver,
		"reason", d.Reason,
		"issued_at", instant(d.IssuedAt))
}

// ControlBytes is what an operator signs, in the form of DecisionBytes under
// "slipway/control/v1": signal, id, release_id, by, reason, issued_at.
func ControlBytes(signal string, c contract.Control) []byte {
	return signed(controlDomain,
		"signal", signal,
		"id", c.ID,
		"release_id", c.Release,
		"by", c.By,
		"reason", c.Reason,
		"issued_at", instant(c.IssuedAt))
}

// Sign makes the signature field of a Decision or Control from DecisionBytes or ControlBytes.
func Sign(key ed25519.PrivateKey, message []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, message))
}

// signed writes names and values; lengths keep a value from passing for the next field.
func signed(domain string, pairs ...string) []byte {
	b := []byte(domain + "\n")
	for i := 0; i+1 < len(pairs); i += 2 {
		b = append(b, pairs[i]+" "+strconv.Itoa(len(pairs[i+1]))+"\n"+pairs[i+1]+"\n"...)
	}
	return b
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// verify tells whether a message counts as one of this person, and how sure that is.
func verify(who spec.Identity, message []byte, signature string, allowUnverified bool) (ok bool, why, identity string) {
	if who.Key == "" {
		if !allowUnverified {
			return false, "no public key is on file for " + strconv.Quote(who.Name) + ", and this deployment takes signed messages only", Unverified
		}
		return true, "", Unverified
	}
	key, err := base64.StdEncoding.DecodeString(who.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false, "the key on file for " + strconv.Quote(who.Name) + " is not an Ed25519 public key", Unverified
	}
	if signature == "" {
		return false, "not signed, and a public key is on file for " + strconv.Quote(who.Name), Unverified
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !ed25519.Verify(key, message, sig) {
		return false, "the signature is not one by the key on file for " + strconv.Quote(who.Name), Unverified
	}
	return true, "", Verified
}

// same tells whether two names are one person's. Case is ignored: else who asks
// as "Ann" could approve as "ann". Specs with two such approvers are refused. An empty name is nobody's.
func same(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	return a != "" && strings.EqualFold(a, b)
}

// find looks a person up. A key in either list of the spec holds for both.
func find(a spec.Approvals, name string) (who spec.Identity, approver, operator bool) {
	who.Name = strings.TrimSpace(name)
	for _, p := range a.Operators {
		if same(p.Name, name) {
			who, operator = p, true
		}
	}
	for _, p := range a.Approvers {
		if same(p.Name, name) {
			if p.Key == "" {
				p.Key = who.Key
			}
			who, approver = p, true
		}
	}
	return who, approver, operator
}
