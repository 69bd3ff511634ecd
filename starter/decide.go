package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
)

// decisionWords are how a decision is called and described.
type decisionWords struct {
	decision, short, long string
}

func decisions() []decisionWords {
	return []decisionWords{
		{contract.Approve, "Approve a release", "It goes on once enough different people have approved; who asked for the release never counts."},
		{contract.Reject, "Reject a release", "One rejection ends it, whatever the number of approvals."},
	}
}

// DecideOptions are the flags of approve and reject.
type DecideOptions struct {
	Reason    string
	Candidate string
}

func decideCommand(a *app, words decisionWords) *cobra.Command {
	var o DecideOptions
	cmd := &cobra.Command{
		Use:   words.decision + " MODEL/VERSION --reason TEXT",
		Short: words.short,
		Long: words.long + `

Shows what is decided on, sends the signal decide, bound to the digest of the
model under release, and waits up to 10 s for it to be judged. Exit code 1 if it
is ignored, and why. With --key the decision is signed.`,
		Example: "  slipway " + words.decision + " credit-risk/1.1.0 --as bob --key bob.pem --reason \"metrics reviewed\"",
		Args:    takes("MODEL/VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDecide(cmd.Context(), words.decision, args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why; goes on record")
	cmd.Flags().StringVar(&o.Candidate, "candidate", "", "digest that you reviewed; another one under release is an error")
	return cmd
}

func (a *app) runDecide(ctx context.Context, decision, arg string, o DecideOptions) error {
	name, err := parseName(arg)
	if err != nil {
		return err
	}
	if strings.TrimSpace(o.Reason) == "" {
		return usagef("--reason is missing: say why, it goes on record")
	}
	by, err := a.user()
	if err != nil {
		return err
	}
	v, _, err := a.view(ctx, name)
	if err != nil {
		return err
	}
	if err := decidable(v, name, o.Candidate); err != nil {
		return err
	}
	message := contract.Decision{
		ID: newID(), Release: name.id(), Candidate: v.Candidate, Decision: decision, Approver: by, Reason: o.Reason, IssuedAt: time.Now().UTC(),
	}
	if message.Signature, err = a.signature(governance.DecisionBytes(message)); err != nil {
		return err
	}
	a.showSubject(v)
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return a.deliver(ctx, c, name, contract.SignalDecide, message, sent{Release: name.String(), Message: decision, ID: message.ID, By: by})
}

// decidable tells what keeps a decision from being sent at all.
func decidable(v view, name releaseName, reviewed string) error {
	switch {
	case v.Outcome != contract.OutcomeRunning:
		return fmt.Errorf("release %s has ended (%s): there is nothing to decide", name, v.Outcome)
	case v.Candidate == "":
		return fmt.Errorf("release %s names no candidate yet: try again in a moment", name)
	case reviewed != "" && reviewed != v.Candidate:
		return fmt.Errorf("the model under release is %s, not %s: review it first", v.Candidate, clean(reviewed))
	}
	return nil
}

// showSubject prints what the decision is about.
func (a *app) showSubject(v view) {
	if a.json() {
		return
	}
	policies, approved := "", ""
	if k := v.Compliance; k != nil {
		policies, approved = k.Reason, strings.Join(k.Approved, ", ")
	}
	pairs(a.stdout, "release", v.Model+"/"+v.Version, "candidate", v.Candidate, "requested by", v.RequestedBy,
		"data version", v.DataVersion, "tests", v.gate(contract.GateTests).Summary, "policies", policies, "approved by", approved)
}
