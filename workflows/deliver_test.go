package workflows

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

func TestDeliverGoesOnForGood(t *testing.T) {
	t.Parallel()
	s := newScript(t, contract.DeliverID(contract.ConsumerWebhooks)).wellBehaved()
	gives(s, deliverConsumer, contract.DeliverShift{Delivered: 3, Failing: 1})
	err := s.runs(contract.WorkflowDeliver, contract.DeliverInput{Consumer: contract.ConsumerWebhooks, Delivered: 7})
	var next *workflow.ContinueAsNewError
	require.True(t, errors.As(err, &next), "%v", err)
	require.Len(t, inputs(s, deliverConsumer), shiftsPerRun)
	require.Equal(t, contract.DeliverStatus{Consumer: contract.ConsumerWebhooks, Delivered: 7 + 3*shiftsPerRun, Failing: 1}, status[contract.DeliverStatus](s))
}

func TestDeliverContinuesWhenSuggested(t *testing.T) {
	t.Parallel()
	s := newScript(t, contract.DeliverID(contract.ConsumerWebhooks)).wellBehaved()
	gives(s, deliverConsumer, contract.DeliverShift{})
	s.env.SetContinueAsNewSuggested(true)
	var next *workflow.ContinueAsNewError
	require.True(t, errors.As(s.runs(contract.WorkflowDeliver, contract.DeliverInput{Consumer: contract.ConsumerWebhooks}), &next))
	require.Len(t, inputs(s, deliverConsumer), 1)
}

func TestDeliverEndsWithItsConsumer(t *testing.T) {
	t.Parallel()
	s := newScript(t, contract.DeliverID(contract.ConsumerMirror)).wellBehaved()
	gives(s, deliverConsumer, contract.DeliverShift{Ended: true})
	require.NoError(t, s.runs(contract.WorkflowDeliver, contract.DeliverInput{Consumer: contract.ConsumerMirror, Delivered: 7}))
	require.Equal(t, []contract.DeliverShiftInput{{Consumer: contract.ConsumerMirror}}, inputs(s, deliverConsumer))
	require.Equal(t, int64(7), status[contract.DeliverStatus](s).Delivered)
}

func TestDeliverRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := newScript(t, contract.DeliverID("pigeons")).wellBehaved()
	require.ErrorContains(t, s.runs(contract.WorkflowDeliver, contract.DeliverInput{Consumer: "pigeons"}), `consumer "pigeons"`)
	require.Empty(t, inputs(s, deliverConsumer))
}
