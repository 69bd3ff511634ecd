package workflows

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/internal/contract"
)

// signature lets a test look at a stub without knowing its types.
func (c call[I, O]) signature() (name, queue string, in, out reflect.Type) {
	return c.name, c.queue, reflect.TypeFor[I](), reflect.TypeFor[O]()
}

func TestStubsMatchRegisteredActivities(t *testing.T) {
	t.Parallel()
	set := activities.Set{}
	registered := map[string]map[string]any{
		contract.QueueControl: set.Control(), contract.QueueCompute: set.Compute(), contract.QueueGPU: set.GPU(),
	}
	stubs := []interface {
		signature() (string, string, reflect.Type, reflect.Type)
	}{
		begin, fixData, validateData, testModel, register, noteGate, finish, evaluate, recordMessage, stage, warm,
		awaitReady, shift, analyse, promote, rollBack, confirm, ensureSchedule, checkWindow, sendNotice, deliverConsumer,
	}
	seen := 0
	for _, s := range stubs {
		name, queue, in, out := s.signature()
		method, ok := registered[queue][name]
		require.True(t, ok, "%s is not registered on queue %s", name, queue)
		f := reflect.TypeOf(method)
		require.Equal(t, 2, f.NumIn(), name)
		require.Equal(t, in, f.In(1), name)
		require.Equal(t, out, f.Out(0), name)
		seen++
	}
	for _, list := range registered {
		seen -= len(list)
	}
	require.Zero(t, seen, "an activity is registered that no workflow calls")
}
