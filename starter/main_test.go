package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/control"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/stack"
	"github.com/slipway-ml/slipway/workflows"
)

// shared is the running Slipway of all tests; each test releases models of its own.
var shared world

// TestMain makes the test binary the child that models are tested in, too.
func TestMain(m *testing.M) {
	sandbox.Serve(children())
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// world is a real Temporal server with the real workflows, a real control API
// with catalog and store, and activities that only do what the test asks for.
type world struct {
	once    sync.Once
	err     error
	state   string // a state folder that tells where all of it is
	catalog *catalog.Catalog
	store   *artifacts.Store
	stops   []func()
}

func running(t *testing.T) *world {
	t.Helper()
	shared.once.Do(func() { shared.err = shared.start() })
	require.NoError(t, shared.err)
	return &shared
}

func (w *world) stop() {
	for i := len(w.stops) - 1; i >= 0; i-- {
		w.stops[i]()
	}
}

func (w *world) start() error {
	binary := os.Getenv("TEMPORAL_CLI")
	if binary == "" {
		binary, _ = exec.LookPath("temporal")
	}
	if binary == "" {
		return fmt.Errorf("TEMPORAL_CLI is not set and no temporal is on PATH: run the tests with `make test`")
	}
	ctx := context.Background()
	state, err := os.MkdirTemp("", "slipway")
	if err != nil {
		return err
	}
	w.state = state
	w.stops = append(w.stops, func() { os.RemoveAll(state) })
	api, err := w.api(ctx)
	if err != nil {
		return err
	}
	keyword := func(name string) temporal.SearchAttributeUpdate {
		return temporal.NewSearchAttributeKeyKeyword(name).ValueSet("")
	}
	server, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		ExistingPath: binary, LogLevel: "error", Stdout: io.Discard, Stderr: io.Discard,
		ClientOptions:    &client.Options{Logger: quiet{}},
		SearchAttributes: temporal.NewSearchAttributes(keyword(contract.AttributeModel), keyword(contract.AttributeVersion), keyword(contract.AttributeStage)),
	})
	if err != nil {
		return err
	}
	w.stops = append(w.stops, func() { server.Stop() })
	for _, queue := range []string{contract.QueueControl, contract.QueueCompute, contract.QueueGPU} {
		one := worker.New(server.Client(), queue, worker.Options{DisableRegistrationAliasing: true, DisableWorkflowWorker: queue != contract.QueueControl})
		if queue == contract.QueueControl {
			workflows.Register(one)
		}
		stub{w.catalog}.register(one)
		if err := one.Start(); err != nil {
			return err
		}
		w.stops = append(w.stops, one.Stop)
	}
	return stack.Stack{Control: api, Temporal: server.FrontendHostPort()}.Write(state)
}

// api starts a control API and returns its address.
func (w *world) api(ctx context.Context) (string, error) {
	library, err := dataversion.Open(ctx, dataversion.Config{Catalog: filepath.Join(w.state, "slipway.db"), Artifacts: filepath.Join(w.state, "artifacts")})
	if err != nil {
		return "", err
	}
	w.catalog = library.Catalog()
	w.store = library.Store()
	api, err := control.New(control.Config{Catalog: w.catalog, Store: library.Store(), Data: library, UI: "http://ui.test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	server := httptest.NewServer(api.Handler())
	w.stops = append(w.stops, func() { library.Close() }, server.Close)
	return server.URL, nil
}

// cli runs the program against the running Slipway.
func (w *world) cli(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return cli(t, append(args, "--state", w.state)...)
}

// cli runs the program.
func cli(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// stub does the catalog's part of a release, and finds what the model's name asks for.
type stub struct{ catalog *catalog.Catalog }

func (s stub) register(w worker.Worker) {
	does := func(name string, activityFunc any) {
		w.RegisterActivityWithOptions(activityFunc, activity.RegisterOptions{Name: name})
	}
	does(contract.ActivityBegin, s.begin)
	does(contract.ActivityNoteGate, s.noteGate)
	does(contract.ActivityFinish, s.finish)
	does(contract.ActivityFixData, fixed(contract.DataVersion{Name: "d", Version: 1, Digest: digest("d")}))
	does(contract.ActivityValidateData, fixed(contract.Verdict{Passed: true, Summary: "rows are valid"}))
	does(contract.ActivityTestModel, func(_ context.Context, in contract.TestModelInput) (contract.Verdict, error) {
		if strings.HasPrefix(in.Key.Model, "weak") {
			return contract.Verdict{Summary: "accuracy 0.41 is below 0.65"}, nil
		}
		return contract.Verdict{Passed: true, Summary: "accuracy 0.78"}, nil
	})
	does(contract.ActivityRegister, fixed(contract.ModelVersion{ID: "m", Number: 1}))
	does(contract.ActivityEvaluate, fixed(contract.EvaluateOutput{Compliant: true, Score: .9, Summary: "3 of 3 policies"}))
	does(contract.ActivityRecordMessage, fixed(contract.Empty{}))
	does(contract.ActivityNotify, fixed(contract.Empty{}))
	does(contract.ActivityStage, fixed(contract.RouteOutput{Rev: 1, Stable: "0.9.0"}))
	does(contract.ActivityWarm, fixed(contract.WarmOutput{Device: "cpu"}))
	does(contract.ActivityAwaitReady, fixed(contract.AwaitReadyOutput{}))
	does(contract.ActivityShift, fixed(contract.RouteOutput{Rev: 2}))
	does(contract.ActivityAnalyse, func(_ context.Context, in contract.AnalyseInput) (contract.Analysis, error) {
		if strings.HasPrefix(in.Key.Model, "slow") {
			return contract.Analysis{Verdict: contract.AnalysisFail, Reason: "latency is 3 times production's", Look: in.Look}, nil
		}
		return contract.Analysis{Verdict: contract.AnalysisPass, Reason: "as good as production", Look: in.Look}, nil
	})
	does(contract.ActivityPromote, fixed(contract.RouteOutput{Rev: 3}))
	does(contract.ActivityRollBack, fixed(contract.RouteOutput{Rev: 3}))
	does(contract.ActivityConfirm, fixed(contract.ConfirmOutput{Summary: "it serves"}))
	does(contract.ActivityEnsureSchedule, fixed(contract.Empty{}))
}

// fixed is an activity that always finds the same.
func fixed[O any](out O) func(context.Context, any) (O, error) {
	return func(context.Context, any) (O, error) { return out, nil }
}

func digest(text string) string { return string(artifacts.DigestOf([]byte(text))) }

func mark(key contract.Key, what string) catalog.Mark {
	return catalog.Mark{Key: key.String() + what, Actor: "test"}
}

func (s stub) begin(ctx context.Context, in contract.BeginInput) (contract.BeginOutput, error) {
	_, err := s.catalog.BeginRelease(ctx, catalog.Release{
		Model: in.Key.Model, Version: in.Key.Version, Run: in.Key.Run, WorkflowID: in.WorkflowID, RequestedBy: in.RequestedBy, Candidate: in.Candidate,
	}, mark(in.Key, "begin"))
	return contract.BeginOutput{Admitted: true, AllowUnverified: true, Production: "0.9.0"}, err
}

func (s stub) noteGate(ctx context.Context, in contract.NoteGateInput) (contract.Empty, error) {
	report, err := json.Marshal(in.Gate)
	if err != nil {
		return contract.Empty{}, err
	}
	return contract.Empty{}, s.catalog.NoteGate(ctx, in.Key.Model, in.Key.Version, in.Key.Run, string(in.Gate.Gate), report, mark(in.Key, string(in.Gate.Gate)+string(in.Gate.State)))
}

func (s stub) finish(ctx context.Context, in contract.FinishInput) (contract.Empty, error) {
	return contract.Empty{}, s.catalog.FinishRelease(ctx, in.Key.Model, in.Key.Version, in.Key.Run, string(in.Outcome), in.Reason, mark(in.Key, "finish"))
}

// specFile writes a release spec with its files; more is appended to it.
func specFile(t *testing.T, model, version, more string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"model.onnx": "model " + model + version, "train.csv": "a,y\n1,0\n", "test.csv": "a,y\n2,1\n", "schema.yaml": "columns: []\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	path := filepath.Join(dir, "release.yaml")
	text := fmt.Sprintf(`apiVersion: slipway/v1
model: {name: %s, version: %s, artifact: model.onnx, task: classification}
data: {train: train.csv, test: test.csv, label: y, schema: schema.yaml}
%s`, model, version, more)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// canaryOf is the spec's canary: one step of a duration.
func canaryOf(duration string) string {
	return fmt.Sprintf("canary:\n  steps: [{weight: 20, duration: %s}, {weight: 100, duration: 20ms}]\n  analysis: {interval: 20ms}\n", duration)
}
