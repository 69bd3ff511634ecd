package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/contract"
)

func showCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show MODEL/VERSION",
		Short: "Show where a release stands, gate by gate",
		Long: `Asks the release's workflow; where it is gone or no worker answers, shows what
the catalog has. The exit code is 0 whatever the outcome.`,
		Example: `  slipway release show credit-risk/1.1.0
  slipway release show credit-risk/1.1.0 -o json`,
		Args: takes("MODEL/VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runShow(cmd.Context(), args[0]) },
	}
}

func (a *app) runShow(ctx context.Context, arg string) error {
	name, err := parseName(arg)
	if err != nil {
		return err
	}
	v, why, err := a.view(ctx, name)
	if err != nil {
		return err
	}
	if why != nil && !isGone(why) {
		fmt.Fprintf(a.stderr, "slipway: from the catalog, which may be behind: %v\n", why)
	}
	if a.json() {
		return a.printJSON(v)
	}
	a.printView(v)
	return nil
}

func (a *app) printView(v view) {
	outcome := string(v.Outcome)
	if v.paused() {
		outcome += " (paused)"
	}
	pairs(a.stdout, "release", v.Model+"/"+v.Version, "outcome", outcome, "why", v.Reason, "requested by", v.RequestedBy,
		"candidate", v.Candidate, "data version", v.DataVersion, "model id", v.ModelID, "awaited", v.awaited())
	fmt.Fprintln(a.stdout)
	rows := make([][]string, len(v.Gates))
	for i, g := range v.Gates {
		rows[i] = []string{string(g.Gate), string(g.State), gateTime(g, time.Now()), gateText(v, g)}
	}
	a.table([]string{"GATE", "STATE", "TOOK", "SUMMARY"}, rows)
	if messages := v.messages(); len(messages) > 0 {
		fmt.Fprintln(a.stdout)
		rows = nil
		for _, m := range messages {
			rows = append(rows, []string{when(m.At), messageName(m), m.By, verdict(m), first(m.Why, m.Reason)})
		}
		a.table([]string{"SENT AT", "MESSAGE", "BY", "VERDICT", "WHY"}, rows)
	}
}

// paused tells whether the release waits for somebody to resume it, itself or in its canary.
func (v view) paused() bool {
	return v.Paused || v.Canary != nil && v.Canary.Phase == contract.CanaryPaused
}

// awaited is what the release waits for, on one line.
func (v view) awaited() string { return strings.Join(strings.Fields(v.Waiting), " ") }

// messages are those that the release and its children got, in the order in which they were judged.
func (v view) messages() []contract.Message {
	all := append([]contract.Message(nil), v.Messages...)
	if v.Compliance != nil {
		all = append(all, v.Compliance.Messages...)
	}
	if v.Canary != nil {
		all = append(all, v.Canary.Messages...)
	}
	slices.SortStableFunc(all, func(a, b contract.Message) int { return a.At.Compare(b.At) })
	return all
}

func messageName(m contract.Message) string {
	if m.Name == contract.SignalDecide && m.Decision != "" {
		return m.Decision
	}
	return m.Name
}

func verdict(m contract.Message) string {
	if m.Accepted {
		return "accepted"
	}
	return "ignored"
}

// gateTime is how long a gate took, or has taken until now.
func gateTime(g contract.GateReport, now time.Time) string {
	switch {
	case g.Started == nil:
		return ""
	case g.Ended != nil:
		return span(g.Ended.Sub(*g.Started))
	}
	return span(max(0, now.Sub(*g.Started).Truncate(time.Second)))
}

// gateText says in one line what is to say of a gate: while it is at work, what its child is at.
func gateText(v view, g contract.GateReport) string {
	switch {
	case g.Ended != nil || g.State == contract.GatePending:
	case g.Gate == contract.GateCanary && v.Canary != nil:
		return canaryText(*v.Canary)
	case g.Gate == contract.GateCompliance && v.Compliance != nil:
		return complianceText(*v.Compliance)
	}
	return clean(g.Summary)
}

func canaryText(s contract.CanaryStatus) string {
	if s.Step == 0 {
		return string(s.Phase)
	}
	text := fmt.Sprintf("%s: step %d of %d, %g %% of the traffic", s.Phase, s.Step, s.Steps, float64(s.Permille)/10)
	if s.Last != nil {
		text += fmt.Sprintf("; look %d: %s, %s", s.Last.Look, s.Last.Verdict, s.Last.Reason)
	}
	return clean(text)
}

func complianceText(s contract.ComplianceStatus) string {
	if s.Waiting == "" {
		return clean(s.Reason)
	}
	text := fmt.Sprintf("awaits approval, %d of %d given", len(s.Approved), s.Required)
	if len(s.Approved) > 0 {
		text += " (" + strings.Join(s.Approved, ", ") + ")"
	}
	return clean(text)
}
