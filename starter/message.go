package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/slipway-ml/slipway/internal/contract"
)

const (
	// answerPatience is how long a sent message may take to show up as judged.
	answerPatience = 10 * time.Second
	answerEvery    = 200 * time.Millisecond
)

// sent is what became of a message, for programs.
type sent struct {
	Release string `json:"release"`
	Message string `json:"message"` // approve, reject, pause, resume, promote or abort
	ID      string `json:"id"`
	By      string `json:"by"`
	// State is accepted, ignored, or unconfirmed when no worker said anything in time.
	State    string `json:"state"`
	Why      string `json:"why,omitempty"`
	Identity string `json:"identity,omitempty"`
}

// deliver sends a message to the release by signal and tells what became of it.
func (a *app) deliver(ctx context.Context, c client.Client, name releaseName, signal string, payload any, m sent) error {
	err := c.SignalWorkflow(ctx, name.id(), "", signal, payload)
	if isGone(err) {
		return fmt.Errorf("release %s is not under way: slipway release show %s", name, name)
	}
	if err != nil {
		return fmt.Errorf("%s release %s: %w", m.Message, name, err)
	}
	judged, err := awaitJudgement(ctx, c, name, m.ID)
	switch {
	case err != nil:
		return err
	case judged == nil:
		m.State, m.Why = "unconfirmed", fmt.Sprintf("no worker has judged it within %s; it will count or not when one does", answerPatience)
	default:
		m.State, m.Why, m.Identity = verdict(*judged), judged.Why, judged.Identity
	}
	return a.printSent(m)
}

// awaitJudgement looks for the message in the statuses of the workflows that may
// have got it; nil when it shows up in none in time.
func awaitJudgement(ctx context.Context, c client.Client, name releaseName, id string) (*contract.Message, error) {
	limit, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	tick := time.NewTicker(answerEvery)
	defer tick.Stop()
	for {
		for _, workflow := range []string{name.id(), contract.ComplianceID(name.model, name.version), contract.CanaryID(name.model, name.version)} {
			status, err := query[struct{ Messages []contract.Message }](limit, c, workflow)
			if err != nil {
				continue // not begun, or no worker answers now
			}
			for _, m := range status.Messages {
				if m.ID == id {
					return &m, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.Done():
			return nil, nil
		case <-tick.C:
		}
	}
}

// printSent tells what became of a message; anything but accepted is an error.
func (a *app) printSent(m sent) error {
	if a.json() {
		if err := a.printJSON(m); err != nil {
			return err
		}
	}
	if m.State != "accepted" {
		return errors.New(clean(fmt.Sprintf("%s of %s by %s is %s: %s", m.Message, m.Release, m.By, m.State, m.Why)))
	}
	if !a.json() {
		fmt.Fprintf(a.stdout, "%s of %s by %s is accepted (identity %s)\n", m.Message, m.Release, clean(m.By), m.Identity)
	}
	return nil
}
