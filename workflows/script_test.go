package workflows

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/slipway-ml/slipway/internal/contract"
)

// script runs a workflow in the SDK's test environment, where time jumps from
// timer to timer. Its activities are fakes that succeed unless a test says
// otherwise; children are the real workflows.
type script struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu    sync.Mutex
	fakes map[string]any
	calls []doneCall
}

// doneCall is an activity that ran.
type doneCall struct {
	name string
	in   any
}

func newScript(t *testing.T, workflowID string) *script {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(silent{})
	s := &script{t: t, env: suite.NewTestWorkflowEnvironment(), fakes: map[string]any{}}
	s.env.SetTestTimeout(time.Minute)
	s.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	s.env.SetWorkflowRunTimeout(1000 * time.Hour)
	s.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflowID, TaskQueue: contract.QueueControl})
	Register(s.env)
	return s
}

// on sets what an activity does; the first call for a stub also registers it.
func on[I, O any](s *script, stub call[I, O], f func(I) (O, error)) {
	s.mu.Lock()
	_, known := s.fakes[stub.name]
	s.fakes[stub.name] = f
	s.mu.Unlock()
	if known {
		return
	}
	s.env.RegisterActivityWithOptions(func(_ context.Context, in I) (O, error) {
		s.mu.Lock()
		s.calls = append(s.calls, doneCall{stub.name, in})
		f := s.fakes[stub.name].(func(I) (O, error))
		s.mu.Unlock()
		return f(in)
	}, activity.RegisterOptions{Name: stub.name})
}

// gives lets an activity succeed with out.
func gives[I, O any](s *script, stub call[I, O], out O) {
	on(s, stub, func(I) (O, error) { return out, nil })
}

// fails lets an activity end with an error that is never retried.
func fails[I, O any](s *script, stub call[I, O], kind, text string) {
	on(s, stub, func(I) (O, error) {
		var none O
		return none, temporal.NewNonRetryableApplicationError(text, kind, nil)
	})
}

// during does something while the activity is at work; the workflow sees that before the activity's result.
func during[I, O any](s *script, stub call[I, O], out O, what func()) {
	on(s, stub, func(I) (O, error) {
		what()
		return out, nil
	})
}

// inputs of all runs of an activity.
func inputs[I, O any](s *script, stub call[I, O]) []I {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []I
	for _, c := range s.calls {
		if c.name == stub.name {
			all = append(all, c.in.(I))
		}
	}
	return all
}

// steps are the activities in order, without those that only tell: the audit log of messages and notices.
func (s *script) steps() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, c := range s.calls {
		if c.name != contract.ActivityRecordMessage && c.name != contract.ActivityNotify {
			names = append(names, c.name)
		}
	}
	return names
}

// did counts the runs of an activity.
func (s *script) did(name string) int {
	n := 0
	for _, step := range s.steps() {
		if step == name {
			n++
		}
	}
	return n
}

// audit is what landed on the audit log; the numbers of each scope must be gapless.
func (s *script) audit() []contract.Message {
	s.t.Helper()
	next := map[string]int{}
	var all []contract.Message
	for _, in := range inputs(s, recordMessage) {
		next[in.Scope]++
		require.Equal(s.t, next[in.Scope], in.Seq, "scope %s", in.Scope)
		all = append(all, in.Message)
	}
	return all
}

// the only message on the audit log.
func (s *script) onlyMessage() contract.Message {
	s.t.Helper()
	all := s.audit()
	require.Len(s.t, all, 1)
	return all[0]
}

func (s *script) after(d time.Duration, what func()) { s.env.RegisterDelayedCallback(what, d) }

func (s *script) send(name string, message any) { s.env.SignalWorkflow(name, message) }

// runs ends the script: it runs the workflow to its end.
func (s *script) runs(workflow string, in any) error {
	s.t.Helper()
	s.env.ExecuteWorkflow(workflow, in)
	require.True(s.t, s.env.IsWorkflowCompleted())
	return s.env.GetWorkflowError()
}

func result[T any](s *script) T {
	s.t.Helper()
	var out T
	require.NoError(s.t, s.env.GetWorkflowResult(&out))
	return out
}

func status[T any](s *script) T {
	s.t.Helper()
	var out T
	value, err := s.env.QueryWorkflow(contract.QueryStatus)
	require.NoError(s.t, err)
	require.NoError(s.t, value.Get(&out))
	return out
}

// raw is a payload of any bytes, as any client can send it.
func raw(data string) converter.RawValue {
	return converter.NewRawValue(&commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)},
		Data:     []byte(data),
	})
}

// decided takes the answers of an update.
type decided struct {
	rejected error
	accepted bool
	result   any
	err      error
}

func (d *decided) Accept()          { d.accepted = true }
func (d *decided) Reject(err error) { d.rejected = err }
func (d *decided) Complete(success any, err error) {
	d.result, d.err = success, err
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// without leaves the listed names out.
func without(all []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(names, n) })
}
