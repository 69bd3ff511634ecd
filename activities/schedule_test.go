package activities_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

// server is a real Temporal development server.
func server(t *testing.T) client.Client {
	t.Helper()
	path := os.Getenv("TEMPORAL_CLI")
	require.NotEmpty(t, path, "TEMPORAL_CLI is not set: run the tests with `make test`")
	s, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{
		ExistingPath: path, LogLevel: "error",
		ExtraArgs: []string{"--search-attribute", contract.AttributeModel + "=Keyword", "--search-attribute", contract.AttributeVersion + "=Keyword"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s.Client()
}

func TestTemporal(t *testing.T) {
	t.Parallel()
	c := server(t)
	b := newBench(t)
	b.set.Temporal = &activities.Temporal{Client: c}
	t.Run("running", func(t *testing.T) { b.testRunning(t, c) })
	t.Run("schedule", func(t *testing.T) { b.testSchedule(t, c) })
}

// An attempt runs when its own chain does: another start under the same id is another attempt.
func (b *bench) testRunning(t *testing.T, c client.Client) {
	w := worker.New(c, "q", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
		return nil
	}, workflow.RegisterOptions{Name: "waits"})
	require.NoError(t, w.Start())
	defer w.Stop()
	const id = "release/credit-risk/1.0.0"
	running := func(id, run string) bool {
		is, err := b.set.Temporal.Running(t.Context(), id, run)
		require.NoError(t, err)
		return is
	}
	require.False(t, running(id, "r"), "never started")
	started, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "q"}, "waits")
	require.NoError(t, err)
	require.True(t, running(id, started.GetRunID()))
	require.False(t, running(id, "an-earlier-run"))
	require.NoError(t, c.TerminateWorkflow(t.Context(), id, "", "test"))
	require.False(t, running(id, started.GetRunID()))
}

// payload reads an argument as the server keeps it.
func payload(arg any, out any) error {
	return converter.GetDefaultDataConverter().FromPayload(arg.(*commonpb.Payload), out)
}

// Each promotion makes the model's one schedule watch the new version.
func (b *bench) testSchedule(t *testing.T, c client.Client) {
	in := contract.MonitorScheduleInput{
		Key: key("1.0.0", "r1"), Digest: digestOf("1.0.0"), Monitor: spec.Monitor{Interval: spec.Duration(time.Hour), Window: 1000},
	}
	watched := func() (contract.MonitorInput, time.Duration, time.Time) {
		d, err := c.ScheduleClient().GetHandle(t.Context(), contract.MonitorID(model)).Describe(t.Context())
		require.NoError(t, err)
		action := d.Schedule.Action.(*client.ScheduleWorkflowAction)
		require.Equal(t, contract.WorkflowMonitor, action.Workflow)
		require.Equal(t, contract.QueueControl, action.TaskQueue)
		require.Len(t, action.Args, 1)
		var input contract.MonitorInput
		require.NoError(t, payload(action.Args[0], &input))
		return input, d.Schedule.Spec.Intervals[0].Every, d.Info.CreatedAt
	}
	for range 2 {
		do[contract.Empty](b, contract.ActivityEnsureSchedule, in)
		input, every, _ := watched()
		require.Equal(t, "1.0.0", input.Version)
		require.Equal(t, 1000, input.Monitor.Window)
		require.Equal(t, time.Hour, every)
	}
	_, _, created := watched()
	in.Key, in.Digest, in.Monitor.Interval = key("1.1.0", "r2"), digestOf("1.1.0"), spec.Duration(time.Minute)
	for range 2 {
		do[contract.Empty](b, contract.ActivityEnsureSchedule, in)
		input, every, at := watched()
		require.Equal(t, "1.1.0", input.Version)
		require.Equal(t, digestOf("1.1.0"), input.Digest)
		require.Equal(t, time.Minute, every)
		require.Equal(t, created, at, "the same schedule, its past kept")
	}
}
