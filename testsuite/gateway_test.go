package testsuite

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stack"
)

// gatewayAlone starts a process that is a gateway and nothing else, with a version of the example in production that no release put there.
func gatewayAlone(t testing.TB, start func(p *process), args ...string) stack.Stack {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	content, err := os.ReadFile(filepath.Join(examples, "models", "1.0.0.onnx"))
	require.NoError(t, err)
	store, err := artifacts.Open(ctx, "file://"+filepath.Join(dir, "artifacts"))
	require.NoError(t, err)
	ref, err := store.PutBytes(ctx, content, "application/vnd.onnx")
	require.NoError(t, err)
	require.NoError(t, store.Close())
	cat, err := catalog.Open(ctx, filepath.Join(dir, "catalog.db"))
	require.NoError(t, err)
	config, err := json.Marshal(gateway.ModelConfig{Model: spec.Model{Name: model, Version: "1.0.0", Task: spec.Classification}})
	require.NoError(t, err)
	mark := func(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "test", Reason: "test"} }
	digest := string(ref.Digest)
	_, _, err = cat.RegisterModel(ctx, catalog.Model{Name: model, Version: "1.0.0", Digest: digest, Release: "r", Config: config, CreatedBy: "test"}, nil, mark("register"))
	require.NoError(t, err)
	route, err := cat.StageCanary(ctx, model, "1.0.0", digest, "r", mark("stage"))
	require.NoError(t, err)
	_, err = cat.PromoteCanary(ctx, model, "r", route.Rev, mark("promote"))
	require.NoError(t, err)
	require.NoError(t, cat.Close())

	need(t, "ONNXRUNTIME_LIB")
	p := newProcess(t, filepath.Join(dir, "gateway.log"), filepath.Join(need(t, "SLIPWAY_BIN"), "slipwayd"), append([]string{
		"run", "--roles", "gateway", "--isolation", "process", "--device", "cpu", "--catalog", filepath.Join(dir, "catalog.db"), "--artifacts", "file://" + filepath.Join(dir, "artifacts"),
		"--state", filepath.Join(dir, "state"), "--gateway-http", "127.0.0.1:" + itoa(freePort(t)), "--gateway-grpc", "127.0.0.1:" + itoa(freePort(t)),
	}, args...)...)
	p.env = []string{"GOMAXPROCS="}
	start(p)
	return p.ready()
}
