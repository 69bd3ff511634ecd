package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// A message that is being judged when its workflow is about to end is waited for.
func TestSettleWaitsForAMessageInHand(t *testing.T) {
	t.Parallel()
	s := newScript(t, "inbox").wellBehaved()
	slow := func(ctx workflow.Context) (int, error) {
		b := inbox{scope: "test", handle: func(ctx workflow.Context, name string, _ []byte) *contract.Message {
			_ = workflow.Sleep(ctx, time.Minute)
			return &contract.Message{Name: name}
		}}
		b.open(ctx)
		err := workflow.Sleep(ctx, 10*time.Second)
		b.settle(ctx)
		return len(b.log), err
	}
	s.env.RegisterWorkflowWithOptions(slow, workflow.RegisterOptions{Name: "slow"})
	s.after(5*time.Second, func() { s.send(contract.SignalPause, raw("{}")) })
	require.NoError(t, s.runs("slow", nil))
	require.Equal(t, 1, result[int](s))
	require.Len(t, s.audit(), 1)
}

// A signal without any payload, as `temporal workflow signal` sends it without --input, is not taken for the one before it.
func TestSignalWithoutPayload(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	s.env.SetDataConverter(payloadless{converter.GetDefaultDataConverter()})
	s.after(time.Hour, func() {
		s.env.SignalWorkflowSkippingWorkflowTask(contract.SignalPause, control("p", ann))
		s.send(contract.SignalPause, nothing{})
	})
	s.after(2*time.Hour, func() { s.send(contract.SignalAbort, control("a", ann)) })
	s.stoppedAs(s.releases(), contract.OutcomeAborted)
	all := s.audit()
	require.Equal(t, []bool{true, false, true}, []bool{all[0].Accepted, all[1].Accepted, all[2].Accepted})
	require.Contains(t, all[1].Why, "want a JSON object")
}

// nothing is an argument that payloadless leaves out.
type nothing struct{}

type payloadless struct{ converter.DataConverter }

func (p payloadless) ToPayloads(args ...any) (*commonpb.Payloads, error) {
	if len(args) == 1 && args[0] == any(nothing{}) {
		return nil, nil
	}
	return p.DataConverter.ToPayloads(args...)
}
