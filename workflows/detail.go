package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

// describe writes the current details: what the Temporal UI alone tells a person.
func (r *releaseRun) describe(ctx workflow.Context) {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s %s** requested by %s: **%s**", r.key.Model, r.key.Version, r.in.RequestedBy, r.status.Outcome)
	if r.status.Paused {
		b.WriteString(" (paused)")
	}
	b.WriteString("\n\n| gate | state | |\n| --- | --- | --- |\n")
	for _, g := range r.status.Gates {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", g.Gate, g.State, cell(g.Summary))
	}
	if r.waiting != nil {
		b.WriteString("\n" + r.waiting() + "\n")
	}
	if r.status.Reason != "" {
		b.WriteString("\n" + r.status.Reason + "\n")
	}
	workflow.SetCurrentDetails(ctx, b.String())
}

// awaitApproval says what is awaited and the exact line that gives it.
func awaitApproval(a spec.Approvals, key contract.Key, candidate string) string {
	names := make([]string, len(a.Approvers))
	for i, p := range a.Approvers {
		names[i] = p.Name
	}
	return fmt.Sprintf("Awaits %d approval(s) of %s by %s.\n\n    slipway approve %s/%s --as NAME --reason TEXT",
		a.Required, candidate, strings.Join(names, ", "), key.Model, key.Version)
}

// cell makes text safe for a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
