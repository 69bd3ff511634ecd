package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
)

func aMonitor(t *testing.T) *script {
	t.Helper()
	return newScript(t, contract.MonitorID("credit")+"-2026-01-02T03:04:00Z").wellBehaved()
}

func (s *script) monitors() error {
	return s.runs(contract.WorkflowMonitor, contract.MonitorInput{Model: "credit", Version: "1.1.0", Digest: candidate})
}

func TestMonitorLooksAtTheNominalWindow(t *testing.T) {
	t.Parallel()
	s := aMonitor(t)
	nominal := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC) // long before the run itself, as in a backfill
	require.NoError(t, s.env.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime").ValueSet(nominal))))
	on(s, checkWindow, func(in contract.CheckWindowInput) (contract.MonitorStatus, error) {
		return contract.MonitorStatus{Model: in.Model, End: in.End, State: contract.MonitorOK, Samples: 500}, nil
	})
	require.NoError(t, s.monitors())
	end := result[contract.MonitorStatus](s)
	require.Equal(t, contract.MonitorOK, end.State)
	require.True(t, nominal.Equal(end.End), end.End)
	require.Equal(t, end, status[contract.MonitorStatus](s))
	require.Empty(t, inputs(s, sendNotice))
}

func TestMonitorStartedByHandEndsItsWindowNow(t *testing.T) {
	t.Parallel()
	s := aMonitor(t)
	begun := s.env.Now()
	require.NoError(t, s.monitors())
	require.WithinDuration(t, begun, inputs(s, checkWindow)[0].End, time.Minute)
}

func TestMonitorTellsOfDrift(t *testing.T) {
	t.Parallel()
	s := aMonitor(t)
	gives(s, checkWindow, contract.MonitorStatus{State: contract.MonitorDrift, Summary: "age has drifted"})
	require.NoError(t, s.monitors())
	notices := inputs(s, sendNotice)
	require.Len(t, notices, 1)
	require.Equal(t, "warn", notices[0].Severity)
	require.Equal(t, "age has drifted", notices[0].Text)
}

func TestMonitorEndsWithoutItsNotice(t *testing.T) {
	t.Parallel()
	s := aMonitor(t)
	gives(s, checkWindow, contract.MonitorStatus{State: contract.MonitorDrift, Summary: "age has drifted"})
	fails(s, sendNotice, contract.ErrInvalidInput, "no receiver")
	require.NoError(t, s.monitors())
	require.Equal(t, contract.MonitorDrift, result[contract.MonitorStatus](s).State)
}

func TestMonitorFailsWithItsCheck(t *testing.T) {
	t.Parallel()
	s := aMonitor(t)
	fails(s, checkWindow, contract.ErrNotFound, "no reference data")
	require.ErrorContains(t, s.monitors(), "no reference data")
}
