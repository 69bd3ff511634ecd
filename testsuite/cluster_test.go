package testsuite

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/slipway-ml/slipway/examples/live"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// cluster is a Slipway of real processes: Temporal, a worker daemon, and the gateway as a process of its own.
type cluster struct {
	t                         testing.TB
	dir                       string
	temporal, daemon, gateway *process
	address                   string // of Temporal
	control, predict          string // URLs
	grpc                      string // address of the gateway
	dsn                       string
}

// startCluster starts all of it; dsn and artifacts may be empty for SQLite and a folder.
func startCluster(t testing.TB, dsn, artifacts string) *cluster {
	return startClusterWith(t, dsn, artifacts)
}

// startClusterWith adds environment variables for the daemons.
func startClusterWith(t testing.TB, dsn, artifacts string, env ...string) *cluster {
	c := &cluster{t: t, dir: t.TempDir(), dsn: dsn}
	c.temporal, c.address = temporalServer(t, c.dir)
	daemon := filepath.Join(need(t, "SLIPWAY_BIN"), "slipwayd")
	need(t, "ONNXRUNTIME_LIB")
	if c.dsn == "" {
		c.dsn = filepath.Join(c.dir, "catalog.db")
	}
	if artifacts == "" {
		artifacts = "file://" + filepath.Join(c.dir, "artifacts")
	}
	common := []string{"--catalog", c.dsn, "--artifacts", artifacts, "--device", "cpu"}
	control := "127.0.0.1:" + itoa(freePort(t))
	c.daemon = newProcess(t, filepath.Join(c.dir, "daemon.log"), daemon, append([]string{"run", "--roles", "control,compute,gpu", "--state", filepath.Join(c.dir, "worker"),
		"--temporal", c.address, "--control-listen", control, "--allow-unverified"}, common...)...)
	c.gateway = newProcess(t, filepath.Join(c.dir, "gateway.log"), daemon, append([]string{"run", "--roles", "gateway", "--state", filepath.Join(c.dir, "gateway"),
		"--gateway-http", "127.0.0.1:" + itoa(freePort(t)), "--gateway-grpc", "127.0.0.1:" + itoa(freePort(t))}, common...)...)
	c.daemon.env, c.gateway.env = env, env
	c.daemon.start()
	c.gateway.start()
	c.control = c.daemon.ready().Control
	serving := c.gateway.ready()
	c.predict, c.grpc = serving.GatewayHTTP, serving.GatewayGRPC
	return c
}

// slipway runs the CLI against the cluster.
func (c *cluster) slipway(args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	return command(c.t, filepath.Join(need(c.t, "SLIPWAY_BIN"), "slipway"),
		append(args, "--control", c.control, "--temporal", c.address, "--gateway", c.predict)...)
}

// cli runs the plain temporal CLI against the cluster.
func (c *cluster) cli(args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	return command(c.t, need(c.t, "TEMPORAL_CLI"), append(args, "--address", c.address)...)
}

func (c *cluster) client() client.Client {
	c.t.Helper()
	var tc client.Client
	require.Eventually(c.t, func() bool {
		var err error
		tc, err = client.DialContext(c.t.Context(), client.Options{HostPort: c.address, Logger: sdklog.NewStructuredLogger(discard())})
		return err == nil
	}, time.Minute, 200*time.Millisecond)
	c.t.Cleanup(tc.Close)
	return tc
}

func (c *cluster) openCatalog() *catalog.Catalog {
	c.t.Helper()
	cat, err := catalog.Open(c.t.Context(), c.dsn)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { cat.Close() })
	return cat
}

// start writes the spec and starts the release as alice.
func (c *cluster) start(s release) {
	c.t.Helper()
	out, errs, code := c.slipway("release", "start", "-f", s.write(c.t), "--as", "alice")
	require.Zero(c.t, code, "%s%s", out, errs)
}

// watch waits for the release's end and returns its status and the CLI's exit code.
func (c *cluster) watch(version string) (contract.ReleaseStatus, int) {
	c.t.Helper()
	out, errs, code := c.slipway("release", "watch", model+"/"+version)
	c.t.Logf("watch %s:\n%s%s", version, out, errs)
	return c.status(version), code
}

// promote runs a release through to production.
func (c *cluster) promote(s release) contract.ReleaseStatus {
	c.t.Helper()
	c.start(s)
	status, code := c.watch(s.Version)
	require.Zero(c.t, code, status.Reason)
	require.Equal(c.t, contract.OutcomeProduction, status.Outcome, status.Reason)
	return status
}

func (c *cluster) status(version string) contract.ReleaseStatus {
	c.t.Helper()
	out, errs, code := c.slipway("release", "show", model+"/"+version, "-o", "json")
	require.Zero(c.t, code, errs)
	var s contract.ReleaseStatus
	require.NoError(c.t, json.Unmarshal([]byte(out), &s), out)
	return s
}

// until waits until the release's status is as wanted.
func (c *cluster) until(version, what string, ok func(contract.ReleaseStatus) bool) contract.ReleaseStatus {
	c.t.Helper()
	var s contract.ReleaseStatus
	require.Eventually(c.t, func() bool { s = c.status(version); return ok(s) }, 2*time.Minute, 200*time.Millisecond, "%s never %s", version, what)
	return s
}

// canary waits until the version's canary is as wanted.
func (c *cluster) canary(version, what string, ok func(contract.CanaryStatus) bool) contract.CanaryStatus {
	c.t.Helper()
	tc := c.client()
	var s contract.CanaryStatus
	require.Eventually(c.t, func() bool {
		v, err := tc.QueryWorkflow(c.t.Context(), contract.CanaryID(model, version), "", contract.QueryStatus)
		return err == nil && v.Get(&s) == nil && ok(s)
	}, 2*time.Minute, 200*time.Millisecond, "canary of %s never %s", version, what)
	return s
}

// traffic streams live rows until the test ends or stop is called.
func (c *cluster) traffic(rate int) (l *live.Client, stop func()) {
	c.t.Helper()
	rows, err := live.ReadRows(filepath.Join(examples, "data", "live.csv"), "risk")
	require.NoError(c.t, err)
	l = live.New(c.predict, rows)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Stream(ctx, rate) }()
	stop = func() { cancel(); <-done }
	c.t.Cleanup(stop)
	return l, stop
}

const (
	model    = "credit-risk"
	examples = "../examples/credit-risk"
)

// release is a release spec of the credit-risk example with short steps.
type release struct {
	Version, Artifact, Train, Test, Schema string
	Approvals                              int
	Deadline                               string
	Step                                   string
	MinSamples                             int
	HoldDeadline                           string
	MinAccuracy                            string
	Extra                                  string
	// Stored is the data version that Train and Test are files of; empty: they are files beside the spec.
	Stored string
	// Kind of the deployment; empty: online.
	Kind string
	// Environment is the schema's that the tables belong to; empty: all of it applies.
	Environment string
	// Strict makes the policy on the quality of the data a blocking one.
	Strict bool
}

func credit(version string) release {
	return release{
		Version: version, Artifact: "models/1.1.0.onnx", Train: "data/train.csv", Test: "data/test.csv", Schema: "schema.yaml",
		Deadline: "1h", Step: "1s", MinSamples: 10, HoldDeadline: "2m", MinAccuracy: "0.65",
	}
}

var specTemplate = template.Must(template.New("spec").Parse(`apiVersion: slipway/v1
model:
  name: credit-risk
  version: {{.Version}}
  artifact: {{.Artifact}}
  task: classification
{{- with .Kind}}
  deployment: {kind: {{.}}}
{{- end}}
  documents: {model_card: model_card.md, training_data: training_data.md, evaluation_report: evaluation.md}
data: { {{- with .Stored}}version: {{.}}, {{end}}train: {{.Train}}, test: {{.Test}}, label: risk, schema: {{.Schema}}, {{with .Environment}}environment: {{.}}, {{end}}sensitive: [sex, age, foreign_worker]}
tests: {min_accuracy: {{.MinAccuracy}}}
policies:
  - {name: documentation, type: model_documentation, blocking: true}
  - {name: data, type: data_quality{{if .Strict}}, blocking: true{{end}}}
approvals: {required: {{.Approvals}}, approvers: [{name: bob}, {name: carol}], deadline: {{.Deadline}}}
canary:
  steps: [{weight: 20, duration: {{.Step}}}, {weight: 100, duration: {{.Step}}}]
  analysis: {interval: 500ms, min_samples: {{.MinSamples}}, hold_deadline: {{.HoldDeadline}}, latency_floor_ms: 500}
monitor: {interval: 30s}
{{.Extra}}
`))

// write puts the spec beside links to the example's files and returns its path.
func (r release) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs(examples)
	require.NoError(t, err)
	for _, name := range []string{"models", "data", "schema.yaml", "model_card.md", "training_data.md", "evaluation.md"} {
		require.NoError(t, os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)))
	}
	var b bytes.Buffer
	require.NoError(t, specTemplate.Execute(&b, r))
	path := filepath.Join(dir, "release.yaml")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// own writes a file of the test's own beside the spec's links and returns its name.
func (r release) with(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), strings.ReplaceAll(name, "/", "-"))
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}
