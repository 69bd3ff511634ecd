package gateway

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/spec"
)

const halfMatrix = "testdata/types/half_matrix.onnx"

func (r *running) load(t testing.TB, name, config string) reply {
	t.Helper()
	body := "{}"
	if config != "" {
		body = text(t, map[string]any{"parameters": map[string]any{"config": config}})
	}
	return r.send(t, "/v2/repository/models/"+name+"/load", body)
}

func (r *running) index(t testing.TB) map[string]string {
	t.Helper()
	entries := []oip.Entry{}
	resp, err := r.inference(t).RepositoryIndex(context.Background(), &inferencepb.RepositoryIndexRequest{})
	require.NoError(t, err)
	for _, m := range resp.GetModels() {
		entries = append(entries, oip.Entry{Name: m.GetName(), Version: m.GetVersion(), State: m.GetState(), Reason: m.GetReason()})
	}
	out := map[string]string{}
	for _, e := range entries {
		out[e.Name+"/"+e.Version] = e.State + " " + e.Reason
	}
	return out
}

// What the model control examples of the stock clients do: load, replace the
// configuration, unload.
func TestModelControl(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t, "half", halfMatrix, spec.Classification)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	g.await(t, "1.0.0", 0)
	client := g.inference(t)
	row := []float64{1, 0.5, 0.25}
	predict := func() reply { return g.post(t, map[string]any{"model": "half", "input": row}) }
	require.Equal(t, "READY ", g.index(t)[model+"/1.0.0"])
	require.Equal(t, "UNAVAILABLE "+reasonNotLoaded, g.index(t)["half/1"])
	require.Equal(t, 404, predict().status)

	require.Equal(t, 200, g.load(t, "half", "").status)
	require.Equal(t, "READY ", g.index(t)["half/1"])
	require.Equal(t, 200, g.get(t, "/v2/models/half/ready").status)
	require.Equal(t, 200, predict().status)
	require.EqualValues(t, 32, g.get(t, "/v2/models/half/config").body["max_batch_size"])
	health := g.get(t, "/health").body["models"].(map[string]any)["half"].(map[string]any)
	require.Equal(t, []any{"1"}, health["loaded"])
	held := health["versions"].([]any)[0].(map[string]any)
	require.Equal(t, []any{1.0, 2.0, 4.0, 8.0, 16.0, 32.0}, held["warm_up"].(map[string]any)["rows"], "every size of batch has run")
	require.Positive(t, held["instances"])

	wrong := g.load(t, "half", `"parameters": {"config": {{"max_batch_size": "16"}}}`)
	require.Equal(t, 400, wrong.status)
	require.Contains(t, wrong.body["error"], "failed to load")
	replaced := g.load(t, "half", `{"max_batch_size":"16","dynamic_batching":{"preferred_batch_size":["4",8],"max_queue_delay_microseconds":100},"instance_group":[{"count":3,"kind":"KIND_CPU"}]}`)
	require.Equal(t, 200, replaced.status, replaced.body)
	config := g.get(t, "/v2/models/half/config").body
	require.EqualValues(t, 16, config["max_batch_size"])
	require.Equal(t, map[string]any{"preferred_batch_size": []any{4.0, 8.0}, "max_queue_delay_microseconds": 100.0}, config["dynamic_batching"])
	require.Equal(t, []any{map[string]any{"count": 3.0, "kind": "KIND_CPU"}}, config["instance_group"])
	asked, err := client.ModelConfig(context.Background(), &inferencepb.ModelConfigRequest{Name: "half"})
	require.NoError(t, err)
	require.Equal(t, int32(3), asked.GetConfig().GetInstanceGroup()[0].GetCount())
	require.Equal(t, inferencepb.ModelInstanceGroup_KIND_CPU, asked.GetConfig().GetInstanceGroup()[0].GetKind())
	require.Equal(t, []int32{4, 8}, asked.GetConfig().GetDynamicBatching().GetPreferredBatchSize())
	require.Equal(t, 200, g.load(t, "half", text(t, config)).status, "what a server tells can be sent back")
	require.Equal(t, 200, predict().status)

	require.Equal(t, 200, g.send(t, "/v2/repository/models/half/unload", `{"parameters":{"unload_dependents":false}}`).status)
	require.Equal(t, "UNAVAILABLE unloaded", g.index(t)["half/1"])
	gone := g.get(t, "/v2/models/half/ready")
	require.Equal(t, 503, gone.status)
	require.Contains(t, gone.body["error"], "Request for unknown model: 'half' has no available versions")
	ready, err := client.ModelReady(context.Background(), &inferencepb.ModelReadyRequest{Name: "half"})
	require.NoError(t, err)
	require.False(t, ready.GetReady())
	_, err = client.RepositoryModelLoad(context.Background(), &inferencepb.RepositoryModelLoadRequest{ModelName: "half"})
	require.NoError(t, err)
	require.Equal(t, 200, predict().status)
}

// What model control does not do.
func TestModelControlRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t, "half", halfMatrix, spec.Classification)
	w.register(t, "none", filepath.Join("testdata", "types", "make.py"), spec.Classification)
	w.promote(t, w.stage(t, "1.0.0"))
	w.register(t, "rejected", halfMatrix, spec.Classification)
	_, err := w.SetStage(context.Background(), "rejected", "1", catalog.StageRejected, mark("reject"))
	require.NoError(t, err)
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	g.await(t, "1.0.0", 0)
	for name, c := range map[string]struct {
		model, config, words string
		status               int
	}{
		"nobody":          {"nobody", "", "no such model", 400},
		"a path":          {"..%2f..%2fetc%2fpasswd", "", "no such model", 400},
		"no model at all": {"none", "", "not a usable ONNX model", 500},
		"rejected":        {"rejected", "", "no version of it can be served", 400},
		"not JSON":        {"half", "{", "config: the JSON ends too early", 400},
		"a list":          {"half", "[]", "config", 400},
		"two":             {"half", "{}{}", "something follows", 400},
		"another file":    {"half", `{"default_model_filename":"/etc/passwd"}`, "default_model_filename", 400},
		"another backend": {"half", `{"backend":"python"}`, "can't be replaced", 400},
		"another name":    {"half", `{"name":"other"}`, "the model is", 400},
		"too large":       {"half", `{"max_batch_size":99999999}`, "want 0 to 4096", 400},
		"no number":       {"half", `{"max_batch_size":"many"}`, "is not a whole number", 400},
		"negative":        {"half", `{"instance_group":[{"count":-1}]}`, "want 1 to 256", 400},
		"two groups":      {"half", `{"instance_group":[{"count":1},{"count":1}]}`, "several groups", 400},
		"long delay":      {"half", `{"dynamic_batching":{"max_queue_delay_microseconds":99999999999}}`, "max_queue_delay", 400},
		"other version":   {"half", `{"version_policy":{"specific":{"versions":["9"]}}}`, "not found", 400},
		"many versions":   {"half", `{"version_policy":{"latest":{"num_versions":99}}}`, "want 1 to 8", 400},
	} {
		got := g.load(t, c.model, c.config)
		require.Equal(t, c.status, got.status, "%s: %v", name, got.body)
		require.Contains(t, got.body["error"], "failed to load", name)
		require.Contains(t, got.body["error"], c.words, name)
	}
	file := g.send(t, "/v2/repository/models/half/load", `{"parameters":{"config":"{}","file:`+strings.Repeat("A", 256)+`":"YQ=="}}`)
	require.Equal(t, 400, file.status)
	require.Contains(t, file.body["error"], "Invalid file path")
	require.Contains(t, g.index(t)["none/1"], "not a usable ONNX model", "the index tells why")
	require.Equal(t, "UNAVAILABLE it was rejected", g.index(t)["rejected/1"])

	// What a route names is replaced in how it is served, and never unloaded.
	require.Equal(t, 501, g.send(t, "/v2/repository/models/"+model+"/unload", "{}").status)
	require.Equal(t, 200, g.load(t, model, `{"max_batch_size":8}`).status)
	require.EqualValues(t, 8, g.get(t, "/v2/models/"+model+"/config").body["max_batch_size"])
	require.Equal(t, 200, g.send(t, "/v2/repository/models/"+model+"/unload", "{}").status, "it takes back what was replaced")
	require.Eventually(t, func() bool {
		now := g.get(t, "/v2/models/"+model+"/config")
		return now.status == 200 && now.body["max_batch_size"] != 8.0
	}, patience, 1e6)
	require.Equal(t, 501, g.send(t, "/v2/repository/models/"+model+"/unload", "{}").status)
	require.Equal(t, 404, g.send(t, "/v2/repository/models/nobody/unload", "{}").status)

	// A load that fails leaves what was there.
	require.Equal(t, 200, g.load(t, "half", "").status)
	w.catalogDown.Store(true)
	down := g.load(t, "half", "")
	require.Equal(t, 503, down.status, down.body)
	require.Equal(t, 200, g.get(t, "/v2/models/half/ready").status)
	w.catalogDown.Store(false)
}

func TestLoadingNeedsTheOperatorsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t, "half", halfMatrix, spec.Classification)
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl, c.Token, c.OperatorToken = true, "reader", "operator" })
	path := "/v2/repository/models/half/load"
	require.Equal(t, 401, g.send(t, path, "{}").status)
	require.Equal(t, 403, g.send(t, path, "{}", "Authorization", "Bearer reader").status)
	require.Equal(t, 200, g.send(t, path, "{}", "Authorization", "Bearer operator").status)
	client := g.inference(t)
	as := func(token string) context.Context {
		return metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+token)
	}
	_, err := client.RepositoryModelUnload(as("reader"), &inferencepb.RepositoryModelUnloadRequest{ModelName: "half"})
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	_, err = client.ModelMetadata(as("operator"), &inferencepb.ModelMetadataRequest{Name: "half"})
	require.NoError(t, err, "an operator may do what others may")
	_, err = client.RepositoryModelUnload(as("operator"), &inferencepb.RepositoryModelUnloadRequest{ModelName: "half"})
	require.NoError(t, err)

	l, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, err = New(Config{HTTP: l, Token: "reader", ModelControl: true})
	require.ErrorContains(t, err, "OperatorToken: required")
}

// Whatever a request to load brings as configuration is refused or within the bounds.
func FuzzParseOverride(f *testing.F) {
	for _, s := range []string{
		`{"max_batch_size":"16"}`, `{"instance_group":[{"count":2}]}`, `{"dynamic_batching":{"preferred_batch_size":[4]}}`, "{", "null", "",
		`{"name":"m","platform":"onnxruntime_onnx","backend":"onnxruntime","max_batch_size":0,"input":[{"name":"x","data_type":"TYPE_FP32","dims":[-1]}],"output":[]}`,
		`{"dynamic_batching":{"preferred_batch_size":[4,"8"],"max_queue_delay_microseconds":"10000000"},"instance_group":[{"name":"g","kind":"KIND_CPU","count":256}]}`,
		`{"instance_group":[{"rate_limiter":{"resources":[{"name":"R1","count":"4","global":true},{"name":"r.2","count":1}],"priority":2}}]}`,
		`{"version_policy":{"latest":{"num_versions":"8"}}}`, `{"version_policy":{"specific":{"versions":["1","2.0.0"]}}}`, `{"version_policy":{"latest":{},"specific":{}}}`,
		`{"max_batch_size":9223372036854775808}`, `{"max_batch_size":-1,"max_batch_size":1e3}`, `{"dynamic_batching":{"max_queue_delay_microseconds":9223372036854775}} {}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := parseOverride("m", s)
		if err != nil {
			return
		}
		m, b := o.apply(spec.Model{Deployment: spec.Deployment{BatchSize: 32}})
		require.True(t, m.Deployment.BatchSize >= 1 && m.Deployment.BatchSize <= maxBatchSize)
		require.True(t, m.Deployment.Instances >= 0 && m.Deployment.Instances <= maxInstances)
		require.True(t, m.Deployment.Priority >= 0 && m.Deployment.Priority <= spec.MaxPriority && len(m.Deployment.Resources) <= spec.MaxResources)
		for name, n := range m.Deployment.Resources {
			require.True(t, spec.IsResource(name) && n >= 1 && n <= spec.MaxCount)
		}
		if b != nil {
			require.True(t, b.MaxDelay >= 0 && b.MaxDelay <= maxDelay && len(b.Preferred) <= maxPreferred)
			for _, n := range b.Preferred {
				require.True(t, n >= 1 && n <= maxBatchSize)
			}
		}
		if p := o.Policy; p != nil && p.Specific != nil {
			require.True(t, len(p.Specific.Versions) >= 1 && len(p.Specific.Versions) <= maxVersions)
		}
	})
}
