package testsuite

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/oip"
	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
)

const (
	committee       = "credit-committee"
	committeeFolder = "../examples/ensemble"
)

// An ensemble of two releases and a file goes from its document to production like any model, and
// answers as its members do by hand; it outlives a member that crashes, the blob store, and its members' names.
func TestEnsembleRelease(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")

	out, errs, code := c.slipway("release", "start", "-f", committeeSpec(t, "1.0.0", nil), "--as", "alice")
	require.Equal(t, 1, code, out)
	require.Contains(t, errs, "model.artifact: pipeline.yaml: ensemble: step narrow: the registry has no credit-risk/1.0.0")

	narrow := credit("1.0.0")
	narrow.Artifact = "models/1.0.0.onnx"
	c.promote(narrow)
	c.traffic(50)
	c.promote(credit("1.1.0"))
	c.promoteCommittee("1.0.0", nil)

	const rows = 40
	label, probabilities := committeeByHand(t, rows)
	c.requireCommittee(t, rows, label, probabilities)

	c.testDescriptions(t)
	c.testMemberCrash(t, rows, label, probabilities)

	c.testEnsembleElsewhere(t, rows, label, probabilities)

	// A member's name may be taken back; what is in production has its bytes. A new version may not have it.
	out, errs, code = c.slipway("model", "stage", "credit-risk@1.0.0", "rejected", "--as", "carol", "--reason", "withdrawn")
	require.Zero(t, code, "%s%s", out, errs)
	c.requireCommittee(t, rows, label, probabilities)
	_, errs, code = c.slipway("release", "start", "-f", committeeSpec(t, "1.1.0", nil), "--as", "alice")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "credit-risk/1.0.0 was rejected")

	// The gateway starts without the blob store and the catalog's host: it has kept what it needs.
	require.Zero(t, c.gateway.stop())
	require.NoError(t, os.Rename(filepath.Join(c.dir, "artifacts"), filepath.Join(c.dir, "elsewhere")))
	c.gateway.start()
	serving := c.gateway.ready()
	c.predict, c.grpc = serving.GatewayHTTP, serving.GatewayGRPC
	require.Eventually(t, func() bool { return statusCode(t, c.predict+"/v2/models/"+committee+"/ready") == http.StatusOK }, time.Minute, 100*time.Millisecond)
	c.requireCommittee(t, rows, label, probabilities)
}

// testEnsembleElsewhere has the ensemble predict a data version, be replaced by a canary of another version of it, and serve by itself.
func (c *cluster) testEnsembleElsewhere(t *testing.T, rows int, label []int64, probabilities []float32) {
	t.Helper()
	table, applied := applicants(t, 500, nil)
	c.dataJSON(new(any), "add", filepath.Join(folderOf(t, map[string][]byte{"applicants.csv": table}), "applicants.csv"), "--name", "applicants")
	out, errs, code := c.slipway("batch", "start", committee, "--data", "applicants", "--keys", "id", "--shard-rows", "300", "--watch", "--as", "alice")
	require.Zero(t, code, "%s%s", out, errs)
	dir := t.TempDir()
	_, errs, code = c.data("get", committee+"-predictions", "--to", dir)
	require.Zero(t, code, errs)
	predicted := output(t, dir)
	require.Len(t, predicted, len(applied))
	classes, scores := c.askedOf(committee, applied)
	for i, p := range predicted {
		require.Equal(t, classes[i], *p.Prediction)
		require.InDeltaSlice(t, scores[i], p.Probabilities, 1e-6)
	}

	asking, stop := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	var failed atomic.Int64
	traffic.Go(func() {
		for asking.Err() == nil {
			if code, _ := c.ask(t, committee, 4); code != http.StatusOK {
				failed.Add(1)
			}
		}
	})
	c.promoteCommittee("1.0.1", strings.NewReplacer("first: narrow", "first: wide", "second: wide", "second: narrow", "version: 1.1.0", "version: production"))
	require.Contains(t, c.memberPIDs(t), "credit-risk/1.1.0")
	require.NotContains(t, c.memberPIDs(t), "credit-risk/production", "what an alias pointed at is written down")
	stop()
	traffic.Wait()
	require.Zero(t, failed.Load(), "no request is lost when versions are swapped")
	c.requireCommittee(t, rows, label, probabilities)

	folder := filepath.Join(t.TempDir(), "model")
	out, errs, code = c.slipway("model", "get", committee+"@1.0.0", folder)
	require.Zero(t, code, "%s%s", out, errs)
	alone := newProcess(t, filepath.Join(c.dir, "alone.log"), filepath.Join(need(t, "SLIPWAY_BIN"), "slipwayd"), "model-server", "--model", filepath.Join(folder, committee+"-1.0.0.tar"),
		"--name", committee, "--version", "7", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0")
	alone.start()
	line, err := alone.stdout.ReadBytes('\n')
	require.NoError(t, err)
	var at struct{ HTTP, GRPC string }
	require.NoError(t, json.Unmarshal(line, &at))
	require.Eventually(t, func() bool { return statusCode(t, at.HTTP+"/v2/models/"+committee+"/ready") == http.StatusOK }, time.Minute, 100*time.Millisecond)
	(&cluster{t: t, predict: at.HTTP, grpc: at.GRPC}).requireCommittee(t, rows, label, probabilities)
	require.Zero(t, alone.stop())
}

// testDescriptions asks what clients ask that measure an ensemble.
func (c *cluster) testDescriptions(t *testing.T) {
	t.Helper()
	type step struct {
		Model   string            `json:"model_name"`
		Version int64             `json:"model_version"`
		Inputs  map[string]string `json:"input_map"`
		Outputs map[string]string `json:"output_map"`
	}
	var config struct {
		Platform, Backend string
		Batching          any `json:"dynamic_batching"`
		Input             []struct{ Name string }
		Ensemble          struct{ Step []step } `json:"ensemble_scheduling"`
	}
	getJSON(t, c.predict+"/v2/models/"+committee+"/config", &config)
	require.Equal(t, "ensemble", config.Platform)
	require.Empty(t, config.Backend)
	require.Nil(t, config.Batching, "the ways to schedule exclude each other")
	require.Len(t, config.Input, 20)
	require.Len(t, config.Ensemble.Step, 3)
	require.Equal(t, step{
		committee + ".mean", -1, map[string]string{"first": "narrow.probabilities", "second": "wide.probabilities"},
		map[string]string{"label": "label", "probabilities": "probabilities"},
	}, config.Ensemble.Step[2])
	require.Equal(t, model, config.Ensemble.Step[0].Model)

	conn, err := grpc.NewClient(c.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	answer, err := pb.NewGRPCInferenceServiceClient(conn).ModelConfig(t.Context(), &pb.ModelConfigRequest{Name: committee})
	require.NoError(t, err)
	got := answer.GetConfig().GetEnsembleScheduling().GetStep()[2]
	require.Equal(t, config.Ensemble.Step[2], step{got.GetModelName(), got.GetModelVersion(), got.GetInputMap(), got.GetOutputMap()})
	require.Nil(t, answer.GetConfig().GetDynamicBatching())

	// A member that is no model of its own has a configuration and statistics, and answers nobody by itself.
	member := c.predict + "/v2/models/" + committee + ".mean"
	var mean struct{ Name, Platform string }
	getJSON(t, member+"/config", &mean)
	require.Equal(t, committee+".mean onnxruntime_onnx", mean.Name+" "+mean.Platform)
	require.Equal(t, http.StatusNotFound, statusCode(t, member+"/ready"))
	var stats struct {
		Models []struct {
			Name, Version string
			Rows          int `json:"inference_count"`
		} `json:"model_stats"`
	}
	getJSON(t, member+"/stats", &stats)
	require.Len(t, stats.Models, 1)
	require.Equal(t, "1.0.0", stats.Models[0].Version)
	require.GreaterOrEqual(t, stats.Models[0].Rows, 80)

	resp, err := http.Get(c.predict + "/metrics") //nolint:noctx // a test
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Regexp(t, `slipway_ensemble_step_runs_total\{model="credit-committee",step="wide",version="1.0.0"\} [1-9]`, string(text))
}

// testMemberCrash kills the process of a member: the ensemble answers 503 at once, other models answer, and it comes back by itself.
func (c *cluster) testMemberCrash(t *testing.T, rows int, label []int64, probabilities []float32) {
	t.Helper()
	members := c.memberPIDs(t)
	require.Len(t, members, 3)
	require.NoError(t, syscall.Kill(members["credit-risk/1.1.0"], syscall.SIGKILL))
	refused := 0
	require.Eventually(t, func() bool {
		code, body := c.ask(t, committee, rows)
		if code != http.StatusOK {
			refused++
			require.Equal(t, http.StatusServiceUnavailable, code, body)
			require.Contains(t, body, "credit-risk/1.1.0")
		}
		other, body := c.ask(t, model, rows)
		require.Equal(t, http.StatusOK, other, body)
		after := c.memberPIDs(t)
		return code == http.StatusOK && after["credit-risk/1.1.0"] != members["credit-risk/1.1.0"] && after["mean.onnx"] == members["mean.onnx"]
	}, time.Minute, 20*time.Millisecond)
	require.NotZero(t, refused)
	c.requireCommittee(t, rows, label, probabilities)
}

// memberPIDs are the processes of the ensemble's members, by name.
func (c *cluster) memberPIDs(t *testing.T) map[string]int {
	t.Helper()
	var health struct {
		Models map[string]struct {
			Versions []struct {
				Process struct {
					Members []struct {
						Name string
						PID  int
					}
				}
			}
		}
	}
	resp, err := http.Get(c.predict + "/health") //nolint:noctx // a test
	require.NoError(t, err)
	defer resp.Body.Close()
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&health))
	out := map[string]int{}
	for _, v := range health.Models[committee].Versions {
		for _, m := range v.Process.Members {
			out[m.Name] = m.PID
		}
	}
	return out
}

// committeeSpec is the example's release with short steps; replace changes its pipeline.
func committeeSpec(t *testing.T, version string, replace *strings.Replacer) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"mean.onnx", "pipeline.yaml", "release-1.0.0.yaml"} {
		b, err := os.ReadFile(filepath.Join(committeeFolder, name))
		require.NoError(t, err)
		if name == "pipeline.yaml" && replace != nil {
			b = []byte(replace.Replace(string(b)))
		}
		if name == "release-1.0.0.yaml" {
			b = []byte(strings.NewReplacer("version: 1.0.0", "version: "+version, "../credit-risk", abs(t, "../examples/credit-risk"),
				"duration: 4s", "duration: 1s", "duration: 3s", "duration: 1s", "min_samples: 30", "min_samples: 10").Replace(string(b)))
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), b, 0o600))
	}
	return filepath.Join(folder, "release-1.0.0.yaml")
}

// promoteCommittee releases the ensemble.
func (c *cluster) promoteCommittee(version string, replace *strings.Replacer) {
	c.t.Helper()
	out, errs, code := c.slipway("release", "start", "-f", committeeSpec(c.t.(*testing.T), version, replace), "--as", "alice", "--watch")
	require.Zero(c.t, code, "%s%s", out, errs)
	out, errs, code = c.slipway("release", "show", committee+"/"+version, "-o", "json")
	require.Zero(c.t, code, errs)
	var s contract.ReleaseStatus
	require.NoError(c.t, json.Unmarshal([]byte(out), &s), out)
	require.Equal(c.t, contract.OutcomeProduction, s.Outcome, s.Reason)
}

// committeeByHand asks the members one after the other, without an ensemble.
func committeeByHand(t *testing.T, rows int) (label []int64, probabilities []float32) {
	t.Helper()
	need(t, "ONNXRUNTIME_LIB")
	rt, err := onnx.Find()
	require.NoError(t, err)
	ask := func(path string, in []onnx.Tensor) map[string]onnx.Tensor {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		s, err := rt.Open(b, onnx.Options{Device: onnx.DeviceCPU, Threads: 1})
		require.NoError(t, err)
		defer s.Close()
		out, err := s.Run(t.Context(), in)
		require.NoError(t, err)
		byName := map[string]onnx.Tensor{}
		for _, o := range out {
			byName[o.Name] = o
		}
		return byName
	}
	columns := committeeRows(t, rows)
	first := ask(filepath.Join(examples, "models", "1.0.0.onnx"), columns)["probabilities"]
	second := ask(filepath.Join(examples, "models", "1.1.0.onnx"), columns)["probabilities"]
	require.NotEqual(t, first.Floats, second.Floats)
	for i := range rows {
		bad, good := (first.Floats[2*i]+second.Floats[2*i])/2, (first.Floats[2*i+1]+second.Floats[2*i+1])/2
		probabilities = append(probabilities, bad, good)
		class := int64(0)
		if good > bad {
			class = 1
		}
		label = append(label, class)
	}
	return label, probabilities
}

// committeeRows are the first test rows as tensors.
func committeeRows(t *testing.T, rows int) []onnx.Tensor {
	t.Helper()
	header, data := testRows(t, model, rows)
	var out []onnx.Tensor
	for i, column := range header[:len(header)-1] {
		in := onnx.Tensor{Name: column, Type: onnx.Float32, Shape: []int64{int64(rows), 1}}
		for _, row := range data {
			in.Strings = append(in.Strings, row[i])
			if v, err := strconv.ParseFloat(row[i], 32); err == nil {
				in.Floats = append(in.Floats, float32(v))
			}
		}
		if len(in.Floats) == rows {
			in.Strings = nil
		} else {
			in.Type, in.Floats = onnx.String, nil
		}
		out = append(out, in)
	}
	return out
}

// requireCommittee asks by REST and by gRPC.
func (c *cluster) requireCommittee(t *testing.T, rows int, label []int64, probabilities []float32) {
	t.Helper()
	code, body := c.ask(t, committee, rows)
	require.Equal(t, http.StatusOK, code, body)
	var answer struct {
		Outputs []struct {
			Name string
			Data json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	require.Len(t, answer.Outputs, 2)
	var labels []int64
	var scores []float32
	require.NoError(t, json.Unmarshal(answer.Outputs[0].Data, &labels))
	require.NoError(t, json.Unmarshal(answer.Outputs[1].Data, &scores))
	require.Equal(t, label, labels)
	require.InDeltaSlice(t, probabilities, scores, 1e-6)

	conn, err := grpc.NewClient(c.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	out, err := oip.NewClient(conn, committee, "").Infer(t.Context(), committeeRows(t, rows))
	require.NoError(t, err)
	require.Equal(t, []string{"label", "probabilities"}, []string{out[0].Name, out[1].Name})
	require.Equal(t, label, out[0].Ints)
	require.InDeltaSlice(t, probabilities, out[1].Floats, 1e-6)
}

// ask posts the first test rows to a model.
func (c *cluster) ask(t *testing.T, name string, rows int) (code int, body string) {
	t.Helper()
	type input struct {
		Name     string  `json:"name"`
		Datatype string  `json:"datatype"`
		Shape    []int64 `json:"shape"`
		Data     any     `json:"data"`
	}
	var inputs []input
	for _, in := range committeeRows(t, rows) {
		one := input{in.Name, "FP32", in.Shape, in.Floats}
		if in.Type == onnx.String {
			one.Datatype, one.Data = "BYTES", in.Strings
		}
		inputs = append(inputs, one)
	}
	b, err := json.Marshal(map[string]any{"inputs": inputs})
	require.NoError(t, err)
	resp, err := http.Post(c.predict+"/v2/models/"+name+"/infer", "application/json", bytes.NewReader(b)) //nolint:noctx // a test
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func statusCode(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url) //nolint:noctx // a test
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// An ensemble has members of any runtime: PyTorch beside ONNX.
func TestEnsembleOfRuntimes(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"pipeline.yaml": []byte(`kind: ensemble
steps:
  - {name: torch, model: {file: credit-risk.pt}}
  - {name: onnx, model: {file: 1.1.0.onnx}}
  - {name: mean, model: {file: mean.onnx}, inputs: {first: torch.probabilities, second: onnx.probabilities}}
outputs: [{name: label, from: mean.label}, {name: probabilities, from: mean.probabilities}]
`)}
	for _, path := range []string{filepath.Join(torchModels, "credit-risk.pt"), filepath.Join(examples, "models", "1.1.0.onnx"), filepath.Join(committeeFolder, "mean.onnx")} {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		files[filepath.Base(path)] = b
	}
	document := filepath.Join(folderOf(t, files), "pipeline.yaml")
	out, errs, code := command(t, filepath.Join(need(t, "SLIPWAY_BIN"), "slipway"), "model", "test", document,
		"--spec", filepath.Join(committeeFolder, "release-1.0.0.yaml"), "--runtimes", runtimesFile(t), "--device", "cpu")
	require.Zero(t, code, "%s%s", out, errs)
	require.Regexp(t, `accuracy +passed`, out)
}
