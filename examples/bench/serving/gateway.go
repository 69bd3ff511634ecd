package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	gatewayconfig "github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stack"
)

// slipway starts the gateway's role as `slipwayd run` does, with all settings at their defaults but those in env, on a catalog whose route has the
// model in production.
func (b *bench) slipway(ctx context.Context, m model, env ...string) (_ *server, err error) {
	state, err := os.MkdirTemp(b.dir, "slipwayd-")
	if err != nil {
		return nil, err
	}
	if err := b.release(ctx, state, m); err != nil {
		return nil, fmt.Errorf("fill the catalog: %w", err)
	}
	p, err := b.start(ctx, filepath.Base(state), append(env, "ONNXRUNTIME_LIB="+b.library), b.slipwayd, "run", "--roles", "gateway", "--state", state,
		"--gateway-http", "127.0.0.1:0", "--gateway-grpc", "127.0.0.1:0", "--device", b.device, "--log-level", "warn")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.Stop()
		}
	}()
	line, err := p.Line()
	if err != nil {
		return nil, err
	}
	var addresses stack.Stack
	if err := json.Unmarshal(line, &addresses); err != nil {
		return nil, p.Failed(err)
	}
	s := &server{Process: p, name: "slipway", http: addresses.GatewayHTTP[len("http://"):]}
	if err := p.Await(ctx, addresses.GatewayHTTP+"/v2/models/"+m.name+"/ready"); err != nil {
		return nil, err
	}
	err = s.byProtocol(addresses.GatewayGRPC, m)
	return s, err
}

// version of the model, in the only release that there is.
const version = "1.0.0"

// release puts the model into production, as the last steps of a release do.
func (b *bench) release(ctx context.Context, state string, m model) (err error) {
	c, err := catalog.Open(ctx, filepath.Join(state, "slipway.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	store, err := artifacts.Open(ctx, "file://"+filepath.Join(state, "artifacts"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	data, err := os.ReadFile(m.file)
	if err != nil {
		return err
	}
	ref, err := store.PutBytes(ctx, data, "application/vnd.onnx")
	if err != nil {
		return err
	}
	config, err := json.Marshal(gatewayconfig.ModelConfig{Model: spec.Model{
		Name: m.name, Version: version, Task: spec.Classification, Deployment: spec.Deployment{BatchSize: m.batch, MaxLatencyMS: m.latencyMS},
	}})
	if err != nil {
		return err
	}
	mark := func(step string) catalog.Mark {
		return catalog.Mark{Key: m.name + "-" + step, Actor: "bench", Reason: "bench-serving"}
	}
	digest, release := string(ref.Digest), "release/"+m.name
	if _, _, err := c.RegisterModel(ctx, catalog.Model{Name: m.name, Version: version, Digest: digest, Release: release, Config: config, CreatedBy: "bench"}, nil, mark("register")); err != nil {
		return err
	}
	route, err := c.StageCanary(ctx, m.name, version, digest, release, mark("stage"))
	if err != nil {
		return err
	}
	_, err = c.PromoteCanary(ctx, m.name, release, route.Rev, mark("promote"))
	return err
}
