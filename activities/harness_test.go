package activities_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

const (
	model     = "credit-risk"
	requester = "alice"
	credit    = "../examples/credit-risk"
	patience  = 30 * time.Second
)

// bench runs the activities as a worker does, by name and with the interceptor,
// over a real catalog and a real artifact store.
type bench struct {
	t       testing.TB
	set     activities.Set
	catalog *catalog.Catalog
	store   *artifacts.Store
	library *dataversion.Library
	dir     string // of the store
	running executions

	mu    sync.Mutex
	beats []activities.Progress
}

// executions are the workflows that run, by id.
type executions struct {
	alive map[string]bool
	asked func(workflowID string)
	err   error
}

func (e *executions) Running(_ context.Context, workflowID, _ string) (bool, error) {
	if e.asked != nil {
		e.asked(workflowID)
	}
	return e.alive[workflowID], e.err
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "artifacts")
	store, err := artifacts.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	b := &bench{t: t, catalog: catalogtest.SQLite(t), store: store, dir: dir, running: executions{alive: map[string]bool{}}}
	repository, err := artifacts.NewRepository(store, b.catalog, artifacts.Options{})
	require.NoError(t, err)
	b.library = dataversion.New(b.catalog, store, repository)
	runtime, err := onnx.Find()
	require.NoError(t, err)
	models, err := serving.NewONNX(runtime, onnx.Options{Device: onnx.DeviceCPU})
	require.NoError(t, err)
	b.set = activities.Set{
		Data:       &activities.Data{Library: b.library},
		Datasets:   &activities.Datasets{Library: b.library},
		ModelTests: &activities.ModelTests{Store: store, Library: b.library, Device: onnx.DeviceCPU},
		Registry:   &activities.Registry{Catalog: b.catalog, Executions: &b.running},
		Compliance: &activities.Compliance{Catalog: b.catalog, Store: store},
		Deploy:     &activities.Deploy{Catalog: b.catalog, Alive: time.Hour, Poll: time.Millisecond},
		Warm:       &activities.Warm{Store: store, Library: b.library, Runtime: models},
		Drift:      &activities.Drift{Catalog: b.catalog, Store: store, Library: b.library},
		Temporal:   &activities.Temporal{},
		Notify:     &activities.Notify{Log: slog.New(slog.NewTextHandler(io.Discard, nil))},
	}
	return b
}

// environment is a worker of all queues for one activity.
func (b *bench) environment(ctx context.Context) *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetDisableRegistrationAliasing(true)
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{
		BackgroundActivityContext: ctx,
		Interceptors:              []interceptor.WorkerInterceptor{&activities.Interceptor{}, &listener{bench: b}},
	})
	env.SetTestTimeout(2 * time.Minute)
	for _, list := range []map[string]any{b.set.Control(), b.set.Compute(), b.set.GPU()} {
		for name, method := range list {
			env.RegisterActivityWithOptions(method, activity.RegisterOptions{Name: name})
		}
	}
	return env
}

// try runs an activity once.
func try[O any](b *bench, name string, in any) (O, error) {
	b.t.Helper()
	return tryIn[O](b.t.Context(), b, name, in)
}

func tryIn[O any](ctx context.Context, b *bench, name string, in any) (O, error) {
	b.t.Helper()
	var out O
	value, err := b.environment(ctx).ExecuteActivity(name, in)
	if err != nil {
		return out, err
	}
	require.NoError(b.t, value.Get(&out))
	return out, nil
}

// do runs an activity that must work.
func do[O any](b *bench, name string, in any) O {
	b.t.Helper()
	out, err := try[O](b, name, in)
	require.NoError(b.t, err, name)
	return out
}

// twice runs an activity, then runs it again as after a crash that lost the
// first answer: the answer is the same, and what is on record too.
func twice[O any](b *bench, name string, in any) O {
	b.t.Helper()
	first := do[O](b, name, in)
	before := b.events()
	require.Equal(b.t, first, do[O](b, name, in), "%s: second answer", name)
	require.Equal(b.t, before, b.events(), "%s: second run changed the record", name)
	return first
}

func (b *bench) events() []catalog.Event {
	b.t.Helper()
	all, err := b.catalog.Events(b.t.Context(), catalog.EventFilter{})
	require.NoError(b.t, err)
	return all
}

// last is the newest event.
func (b *bench) last() catalog.Event {
	b.t.Helper()
	all := b.events()
	require.NotEmpty(b.t, all)
	return all[len(all)-1]
}

// progress is what has been heartbeat so far.
func (b *bench) progress() []activities.Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]activities.Progress(nil), b.beats...)
}

// beatSaid waits until a heartbeat said at.
func (b *bench) beatSaid(done, total int, at string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		for _, p := range b.progress() {
			if p == (activities.Progress{Done: done, Total: total, At: at}) {
				return true
			}
		}
		return false
	}, patience, time.Millisecond, "no heartbeat %d of %d %q", done, total, at)
}

// put stores bytes as a file of a spec.
func (b *bench) put(path string, content []byte) spec.File {
	b.t.Helper()
	ref, err := b.store.PutBytes(b.t.Context(), content, "application/octet-stream")
	require.NoError(b.t, err)
	return spec.File{Path: path, Digest: string(ref.Digest), Size: ref.Size}
}

// file stores bytes as a table of a spec, in the data repository.
func (b *bench) file(path string, content []byte) spec.File {
	b.t.Helper()
	digest := artifacts.DigestOf(content)
	e, err := b.library.AddFile(b.t.Context(), bytes.NewReader(content), digest)
	require.NoError(b.t, err)
	return spec.File{Path: path, Digest: string(digest), Size: e.Size}
}

// content is the bytes of a table of the example.
func (b *bench) content(f spec.File) []byte {
	b.t.Helper()
	content, err := os.ReadFile(filepath.Join(credit, f.Path))
	require.NoError(b.t, err)
	require.Equal(b.t, f.Digest, string(artifacts.DigestOf(content)))
	return content
}

// blob is where the store keeps a digest.
func (b *bench) blob(digest string) string {
	b.t.Helper()
	hex := artifacts.Digest(digest).Hex()
	var found string
	require.NoError(b.t, filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Base(path) == hex {
			found = path
		}
		return err
	}))
	require.NotEmpty(b.t, found, "no blob %s", digest)
	return found
}

// stored reads a report back.
func (b *bench) stored(digest string) []byte {
	b.t.Helper()
	body, err := b.store.Read(b.t.Context(), artifacts.Digest(digest), 1<<24)
	require.NoError(b.t, err)
	return body
}

// release loads an example release and uploads its files.
func (b *bench) release(version string) spec.Release {
	b.t.Helper()
	path := filepath.Join(credit, "release-"+version+".yaml")
	r, err := spec.Load(path)
	require.NoError(b.t, err)
	tables := []string{"data.train", "data.test", "data.reference"}
	require.NoError(b.t, r.EachFile(func(field string, f *spec.File) error {
		content, err := os.ReadFile(f.At(path))
		if slices.Contains(tables, field) {
			*f = b.file(f.Path, content)
		} else {
			*f = b.put(f.Path, content)
		}
		return err
	}))
	require.NoError(b.t, spec.ResolvedValidate(r))
	return r
}

func key(version, run string) contract.Key {
	return contract.Key{Model: model, Version: version, Run: run}
}

// listener notes every heartbeat.
type listener struct {
	interceptor.WorkerInterceptorBase
	bench *bench
}

func (l *listener) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &listenerInbound{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, bench: l.bench}
}

type listenerInbound struct {
	interceptor.ActivityInboundInterceptorBase
	bench *bench
}

func (l *listenerInbound) Init(out interceptor.ActivityOutboundInterceptor) error {
	return l.Next.Init(&listenerOutbound{ActivityOutboundInterceptorBase: interceptor.ActivityOutboundInterceptorBase{Next: out}, bench: l.bench})
}

type listenerOutbound struct {
	interceptor.ActivityOutboundInterceptorBase
	bench *bench
}

func (l *listenerOutbound) RecordHeartbeat(ctx context.Context, details ...any) {
	l.bench.mu.Lock()
	for _, d := range details {
		l.bench.beats = append(l.bench.beats, d.(activities.Progress))
	}
	l.bench.mu.Unlock()
	l.Next.RecordHeartbeat(ctx, details...)
}
