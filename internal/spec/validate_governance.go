package spec

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// maxPeople bounds the lists of approvers and operators.
const maxPeople = 100

func (c *checker) policies(policies []Policy, task Task) {
	for i, p := range policies {
		field := fmt.Sprintf("policies[%d]", i)
		if c.text(field+".name", p.Name, 100) {
			same := func(q Policy) bool { return q.Name == p.Name }
			if slices.ContainsFunc(policies[:i], same) {
				c.bad(field+".name", quote(p.Name)+" is used twice", "a name of its own for each policy")
			}
		}
		c.policy(field, p, task)
	}
}

func (c *checker) policy(field string, p Policy, task Task) {
	switch p.Type {
	case PolicyPerformance:
		if task == Regression {
			c.bad(field+".type", quote(string(p.Type))+" is not allowed for a regression, which has no accuracy",
				"limits in tests: max_rmse and latency_ms")
		}
		c.optional(field+".min_accuracy", p.MinAccuracy, closed(0, 1))
		c.optional(field+".max_latency_ms", p.MaxLatencyMS, above(0))
		c.foreign(field+".required", p.Required != nil, p.Type)
		c.foreign(field+".min_score", p.MinScore != nil, p.Type)
	case PolicyDataQuality:
		c.required(field, p, QualityChecks())
		c.optional(field+".min_score", p.MinScore, closed(0, 1))
		c.foreign(field+".min_accuracy", p.MinAccuracy != nil, p.Type)
		c.foreign(field+".max_latency_ms", p.MaxLatencyMS != nil, p.Type)
	case PolicyDocumentation:
		c.required(field, p, nil)
		c.foreign(field+".min_score", p.MinScore != nil, p.Type)
		c.foreign(field+".min_accuracy", p.MinAccuracy != nil, p.Type)
		c.foreign(field+".max_latency_ms", p.MaxLatencyMS != nil, p.Type)
	default:
		c.oneOf(field+".type", string(p.Type), string(PolicyPerformance), string(PolicyDataQuality), string(PolicyDocumentation))
	}
}

// foreign refuses a field that another type of policy has: it would be ignored in silence.
func (c *checker) foreign(field string, given bool, t PolicyType) {
	if given {
		c.bad(field, "does not belong to a policy of type "+string(t), "this field removed")
	}
}

// required checks the list of required checks or documents; allowed nil means any kind of document.
func (c *checker) required(field string, p Policy, allowed []string) {
	if len(p.Required) == 0 {
		c.bad(field+".required", "an empty list is not allowed", "at least one, or no list for the default")
	}
	for i, name := range p.Required {
		at := fmt.Sprintf("%s.required[%d]", field, i)
		switch {
		case slices.Contains(p.Required[:i], name):
			c.bad(at, quote(name)+" is listed twice", "each once")
		case allowed != nil:
			c.oneOf(at, name, allowed...)
		case !isName(name):
			c.bad(at, found(name), "a kind of document such as model_card")
		}
	}
}

func (c *checker) approvals(a Approvals) {
	c.people("approvals.approvers", a.Approvers)
	c.people("approvals.operators", a.Operators)
	for i, o := range a.Operators {
		for _, p := range a.Approvers {
			if p.Key != "" && o.Key != "" && strings.EqualFold(p.Name, o.Name) != (p.Key == o.Key) {
				c.bad(fmt.Sprintf("approvals.operators[%d]", i), quote(o.Name)+" and approver "+quote(p.Name)+" disagree about the key",
					"one key for a person in both lists, and no key for two people")
			}
		}
	}
	c.whole("approvals.required", int64(a.Required), closed(0, maxPeople))
	if a.Required > 0 && a.Required > len(a.Approvers) {
		c.bad("approvals.required", fmt.Sprintf("%d approvals are more than the %d in approvals.approvers can give", a.Required, len(a.Approvers)),
			"as many approvers as approvals, better more")
	}
	c.duration("approvals.deadline", a.Deadline)
	c.duration("approvals.escalate_after", a.EscalateAfter)
}

// people checks a list of identities. Names that differ only in case, or a key
// under two names, would let one person count twice.
func (c *checker) people(field string, people []Identity) {
	if len(people) > maxPeople {
		c.bad(field, fmt.Sprintf("%d people are not allowed", len(people)), fmt.Sprintf("up to %d", maxPeople))
		return
	}
	for i, p := range people {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.text(at+".name", p.Name, 100)
		if p.Key != "" && !isKey(p.Key) {
			c.bad(at+".key", found(p.Key), "an Ed25519 public key: base64 of 32 bytes")
		}
		for _, q := range people[:i] {
			if p.Name != "" && strings.EqualFold(p.Name, q.Name) {
				c.bad(at+".name", quote(p.Name)+" is listed twice", "each person once")
			}
			if p.Key != "" && p.Key == q.Key {
				c.bad(at+".key", "the key of "+quote(q.Name)+" is listed twice", "a key of its own for each person")
			}
		}
	}
}

// isKey tells whether s is base64 of 32 bytes, in the one way to write it: else a key could stand under two names.
func isKey(s string) bool {
	key, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(key) == 32 && base64.StdEncoding.EncodeToString(key) == s
}
