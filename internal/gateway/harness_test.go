package gateway

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

const (
	creditRisk = "../../examples/credit-risk"
	patience   = 30 * time.Second
	model      = "credit-risk"
)

var errDown = errors.New("connection refused")

// world is a real catalog and blob store, each with a switch to take it down.
type world struct {
	*catalog.Catalog
	store                  *artifacts.Store
	catalogDown, blobsDown atomic.Bool
	runtime                serving.Runtime
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	c, err := catalog.Open(context.Background(), filepath.Join(dir, "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	s, err := artifacts.Open(context.Background(), "file://"+filepath.Join(dir, "artifacts"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	library, err := onnx.FindLibrary()
	require.NoError(t, err, "the tests need ONNX Runtime: `make deps` sets it up")
	r, err := onnx.Start(library)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	rt, err := serving.NewONNX(r, onnx.Options{Device: device(t), Threads: 1})
	require.NoError(t, err)
	return &world{Catalog: c, store: s, runtime: rt}
}

func (w *world) Routes(ctx context.Context) ([]catalog.Route, error) {
	if w.catalogDown.Load() {
		return nil, errDown
	}
	return w.Catalog.Routes(ctx)
}

func (w *world) Model(ctx context.Context, name, version string) (catalog.Model, error) {
	if w.catalogDown.Load() {
		return catalog.Model{}, errDown
	}
	return w.Catalog.Model(ctx, name, version)
}

func (w *world) Models(ctx context.Context, f catalog.ModelFilter) ([]catalog.Model, error) {
	if w.catalogDown.Load() {
		return nil, errDown
	}
	return w.Catalog.Models(ctx, f)
}

func (w *world) Beat(ctx context.Context, g catalog.Gateway, i []catalog.Instance) error {
	if w.catalogDown.Load() {
		return errDown
	}
	return w.Catalog.Beat(ctx, g, i)
}

func (w *world) Leave(ctx context.Context, id string) error {
	if w.catalogDown.Load() {
		return errDown
	}
	return w.Catalog.Leave(ctx, id)
}

func (w *world) AddTraffic(ctx context.Context, rows []catalog.Traffic) error {
	if w.catalogDown.Load() {
		return errDown
	}
	return w.Catalog.AddTraffic(ctx, rows)
}

func (w *world) AddSegment(ctx context.Context, s catalog.Segment) error {
	if w.catalogDown.Load() {
		return errDown
	}
	return w.Catalog.AddSegment(ctx, s)
}

func (w *world) Fetch(ctx context.Context, d artifacts.Digest, path string) error {
	if w.blobsDown.Load() {
		return errDown
	}
	return w.store.Fetch(ctx, d, path)
}

func (w *world) Put(ctx context.Context, r io.Reader, media string) (artifacts.Ref, error) {
	if w.blobsDown.Load() {
		return artifacts.Ref{}, errDown
	}
	return w.store.Put(ctx, r, media)
}

func mark(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "test", Reason: "test"} }

// stage registers a version of the example, configured as change says, and puts it beside production.
func (w *world) stage(t testing.TB, version string, change ...func(*ModelConfig)) catalog.Route {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(creditRisk, "models", version+".onnx"))
	require.NoError(t, err)
	return w.stageBytes(t, version, b, change...)
}

func (w *world) stageBytes(t testing.TB, version string, b []byte, change ...func(*ModelConfig)) catalog.Route {
	t.Helper()
	ctx := context.Background()
	ref, err := w.store.PutBytes(ctx, b, "application/vnd.onnx")
	require.NoError(t, err)
	about := ModelConfig{Model: spec.Model{Name: model, Version: version, Task: spec.Classification}, Sensitive: []string{"sex"}}
	for _, change := range change {
		change(&about)
	}
	config, err := json.Marshal(about)
	require.NoError(t, err)
	_, _, err = w.RegisterModel(ctx, catalog.Model{Name: model, Version: version, Digest: string(ref.Digest), Release: "r-" + version, Config: config, CreatedBy: "test"}, nil, mark("register-"+version))
	require.NoError(t, err)
	route, err := w.StageCanary(ctx, model, version, string(ref.Digest), "r-"+version, mark("stage-"+version))
	require.NoError(t, err)
	return route
}

func (w *world) shift(t testing.TB, r catalog.Route, permille int) catalog.Route {
	t.Helper()
	out, err := w.ShiftCanary(context.Background(), model, r.Release, permille, r.Rev, mark(fmt.Sprintf("shift-%s-%d", r.Release, permille)))
	require.NoError(t, err)
	return out
}

func (w *world) promote(t testing.TB, r catalog.Route) catalog.Route {
	t.Helper()
	out, err := w.PromoteCanary(context.Background(), model, r.Release, r.Rev, mark("promote-"+r.Release))
	require.NoError(t, err)
	return out
}

// running is a gateway under test.
type running struct {
	*Gateway
	url  string
	grpc string
	stop func() error
}

func (w *world) start(t testing.TB, state string, change func(*Config)) *running {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return l
	}
	cfg := Config{
		HTTP: listen(), GRPC: listen(), Catalog: w, Blobs: w, Runtime: w.runtime, StateDir: state, Name: "test",
		Poll: 10 * time.Millisecond, BeatEvery: 20 * time.Millisecond, LogAge: 50 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&cfg)
	}
	g, err := New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	stopped := false
	r := &running{Gateway: g, url: "http://" + cfg.HTTP.Addr().String(), grpc: cfg.GRPC.Addr().String()}
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	return r
}

func (r *running) await(t testing.TB, version string, permille int) {
	t.Helper()
	require.Eventually(t, func() bool {
		route := r.table.Routes()[model]
		return (route.Stable == version && route.CanaryPermille == permille || route.Canary == version && route.CanaryPermille == permille) && r.ready(version)
	}, patience, 2*time.Millisecond, "%s at %d", version, permille)
}

func (r *running) ready(version string) bool {
	for _, s := range r.pool.Statuses() {
		if s.Version == version {
			return s.State == serving.Ready
		}
	}
	return false
}

type reply struct {
	status int
	header http.Header
	body   map[string]any
}

func (r *running) post(t testing.TB, body any, header ...string) reply {
	t.Helper()
	b, ok := body.(string)
	if !ok {
		encoded, err := json.Marshal(body)
		require.NoError(t, err)
		b = string(encoded)
	}
	req, err := http.NewRequest(http.MethodPost, r.url+"/predict", bytes.NewReader([]byte(b)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return do(t, req)
}

func (r *running) get(t testing.TB, path string) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.url+path, nil)
	require.NoError(t, err)
	return do(t, req)
}

func do(t testing.TB, req *http.Request) reply {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	out := reply{status: resp.StatusCode, header: resp.Header}
	if resp.Header.Get("Content-Type") == "application/json" {
		require.NoError(t, json.Unmarshal(b, &out.body), string(b))
	} else {
		out.body = map[string]any{"text": string(b)}
	}
	return out
}

// rows are the example's test rows as a client would send them.
func rows(t testing.TB, file string) []map[string]any {
	t.Helper()
	f, err := os.Open(filepath.Join(creditRisk, "data", file))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var out []map[string]any
	for _, record := range records[1:] {
		row := map[string]any{}
		for i, name := range records[0] {
			if name == "risk" {
				continue
			}
			if v, err := strconv.ParseFloat(record[i], 64); err == nil {
				row[name] = v
			} else {
				row[name] = record[i]
			}
		}
		out = append(out, row)
	}
	return out
}

// device is where the models of the tests run: the CPU, unless `make gpu-check` asks for another.
func device(t testing.TB) onnx.Device {
	t.Helper()
	name := os.Getenv("SLIPWAY_TEST_DEVICE")
	if name == "" {
		return onnx.DeviceCPU
	}
	d, err := onnx.ParseDevice(name)
	require.NoError(t, err)
	return d
}
