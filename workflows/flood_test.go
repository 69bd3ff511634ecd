package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
)

// A flood of messages that do not count leaves one record of itself, costs the child nothing, and hides nothing that counts.
func TestReleaseOutlivesAFlood(t *testing.T) {
	t.Parallel()
	for name, flood := range map[string]func(i int) (signal string, message any){
		"junk": func(int) (string, any) { return contract.SignalDecide, raw("{{") },
		"strangers' decisions": func(i int) (string, any) {
			return contract.SignalDecide, decision(fmt.Sprint("x", i), mallory, contract.Approve)
		},
		"strangers' controls":    func(i int) (string, any) { return contract.SignalPause, control(fmt.Sprint("x", i), mallory) },
		"one decision, repeated": func(int) (string, any) { return contract.SignalDecide, decision("mine", requester, contract.Approve) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aRelease(t)
			s.after(time.Minute, func() {
				for i := range 5 * maxTaken {
					signal, message := flood(i)
					s.send(signal, message)
				}
			})
			s.after(time.Hour, func() { s.send(contract.SignalDecide, decision("d1", ann, contract.Approve)) })
			require.NoError(t, s.releases())
			ended := result[contract.ReleaseStatus](s)
			require.Equal(t, contract.OutcomeProduction, ended.Outcome)
			accepted, told := 0, 0
			all := s.audit()
			for _, m := range all {
				if m.Accepted {
					accepted++
				}
				if strings.Contains(m.Why, "leave no record") {
					told++
				}
			}
			require.Equal(t, 1, accepted)
			require.Equal(t, 1, told)
			require.Len(t, all, maxTaken+2, "as many as are taken, the one that tells, and the one that counts")
		})
	}
}

func TestCanaryOutlivesAFlood(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	s.after(time.Hour+30*time.Second, func() {
		for i := range 3 * maxTaken {
			s.send(contract.SignalPause, control(fmt.Sprint("x", i), mallory))
		}
		for range maxTaken {
			s.send(contract.SignalPause, control("p1", ann)) // counts once
		}
		s.send(contract.SignalResume, control("r1", ann))
	})
	require.NoError(t, s.releases())
	var counted []string
	for _, m := range s.audit() {
		if m.Accepted && m.Name != contract.SignalDecide {
			counted = append(counted, m.ID)
		}
	}
	require.Equal(t, []string{"p1", "r1"}, counted)
	require.LessOrEqual(t, len(s.audit()), 2*maxTaken+10)
}

// What has counted for the release does not count again when it is sent to the canary itself.
func TestCanaryKnowsWhatCountedBefore(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	during(s, testModel, contract.Verdict{Passed: true}, func() {
		s.send(contract.SignalPause, control("p1", ann))
		s.send(contract.SignalResume, control("r1", ann))
	})
	canary := contract.CanaryID(theKey.Model, theKey.Version)
	s.after(time.Hour+30*time.Second, func() {
		require.NoError(t, s.env.SignalWorkflowByID(canary, contract.SignalPause, control("p1", ann)))
		require.NoError(t, s.env.SignalWorkflowByID(canary, contract.SignalPause, control("p2", ann)))
		require.NoError(t, s.env.SignalWorkflowByID(canary, contract.SignalResume, control("r2", ann)))
	})
	require.NoError(t, s.releases())
	why := map[string]string{}
	for _, in := range inputs(s, recordMessage) {
		if in.Scope == "canary" {
			why[in.Message.ID] = in.Message.Why
		}
	}
	require.Equal(t, map[string]string{"p1": "a message with this id has counted already", "p2": "", "r2": ""}, why)
}

// A version is released once, however it is started.
func TestReleaseRefusesWhatWasReleased(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	gives(s, begin, contract.BeginOutput{Released: "production"})
	require.ErrorContains(t, s.releases(), "refused: credit 1.1.0 has been released before and is in stage production: a version is released once")
	require.Equal(t, []string{contract.ActivityBegin}, s.steps(), "nothing else is done, and nothing undone")
}
