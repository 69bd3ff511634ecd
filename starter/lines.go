package main

import (
	"fmt"
	"io"
	"time"

	"github.com/slipway-ml/slipway/internal/contract"
)

// lines is the screen where there is no terminal: one line per change.
type lines struct {
	out, errors io.Writer
	last        view
}

func (l *lines) update(v view) {
	for _, line := range changes(l.last, v) {
		fmt.Fprintf(l.out, "%s  %s\n", time.Now().Format(time.TimeOnly), line)
	}
	l.last = v
}

func (l *lines) note(text string) { fmt.Fprintln(l.errors, "slipway: "+clean(text)) }

func (l *lines) close() {}

// changes says what is new in now, a sentence each. The outcome is not among
// them: who watches tells it at the end.
func changes(before, now view) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, clean(fmt.Sprintf(format, args...))) }
	for _, g := range now.Gates {
		if was := before.gate(g.Gate); was.State != g.State && g.State != contract.GatePending {
			say("%s", gateChange(g))
		}
	}
	if now.Paused != before.Paused && now.Outcome == contract.OutcomeRunning {
		say("%s", map[bool]string{true: "paused", false: "resumed"}[now.Paused])
	}
	if now.Waiting != "" && now.Waiting != before.Waiting {
		say("%s", now.awaited())
	}
	if now.Canary != nil && now.gate(contract.GateCanary).Ended == nil { // else the gate's line says it all
		was := contract.CanaryStatus{}
		if before.Canary != nil {
			was = *before.Canary
		}
		if c := *now.Canary; c.Phase != was.Phase || c.Step != was.Step || look(c) != look(was) {
			say("canary %s", canaryText(c))
		}
	}
	known := map[string]bool{}
	for _, m := range before.messages() {
		known[messageKey(m)] = true
	}
	for _, m := range now.messages() {
		if !known[messageKey(m)] {
			say("%s", messageText(m))
		}
	}
	return out
}

func gateChange(g contract.GateReport) string {
	text := fmt.Sprintf("%s %s", g.Gate, g.State)
	if g.Ended != nil {
		text += " in " + gateTime(g, *g.Ended)
	}
	if g.Summary != "" {
		text += ": " + g.Summary
	}
	return text
}

func look(c contract.CanaryStatus) int {
	if c.Last == nil {
		return 0
	}
	return c.Last.Look
}

// messageKey tells messages apart: a message without an id is one that did not decode.
func messageKey(m contract.Message) string {
	return fmt.Sprint(m.Name, m.ID, m.At.UnixNano(), m.Accepted)
}

func messageText(m contract.Message) string {
	by := m.By
	if by == "" {
		by = "unknown"
	}
	text := fmt.Sprintf("%s by %s %s", messageName(m), by, verdict(m))
	if why := first(m.Why, m.Reason); why != "" {
		text += ": " + why
	}
	return text
}
