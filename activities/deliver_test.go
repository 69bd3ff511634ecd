package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// A worker without a mirror says so as long as there is one on record, and ends the deliveries once there is none.
func TestDeliveriesOfAMirrorThatIsNotHere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.set.Deliver = &activities.Deliver{Catalog: b.catalog}
	mark := func(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: requester} }
	_, err := b.catalog.StartMirror(t.Context(), "https://mlflow.example.org", mark("start"))
	require.NoError(t, err)
	in := contract.DeliverShiftInput{Consumer: contract.ConsumerMirror}
	_, err = try[contract.DeliverShift](b, contract.ActivityDeliver, in)
	require.ErrorContains(t, err, "slipway mirror stop")
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.False(t, app.NonRetryable())
	require.NoError(t, b.catalog.StopMirror(t.Context(), mark("stop")))
	require.True(t, do[contract.DeliverShift](b, contract.ActivityDeliver, in).Ended)
	_, err = try[contract.DeliverShift](b, contract.ActivityDeliver, contract.DeliverShiftInput{Consumer: "pigeons"})
	require.ErrorContains(t, err, "pigeons")
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
}
