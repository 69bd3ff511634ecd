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

// slipway starts the gateway's role as `slipwayd run` does, with all settings at their defaults but isolation where it is stated, on a catalog whose
// routes have these models in production.
func (b *bench) slipway(ctx context.Context, models ...model) (_ *server, err error) {
	state, err := os.MkdirTemp(b.dir, "state-")
	if err != nil {
		return nil, err
	}
	if err := b.release(ctx, state, models); err != nil {
		return nil, fmt.Errorf("fill the catalog: %w", err)
	}
	env := []string{"ONNXRUNTIME_LIB=" + b.library}
	if b.isolation != "" {
		env = append(env, "SLIPWAY_ISOLATION="+b.isolation)
	}
	p, err := b.start(ctx, "slipwayd", env, b.slipwayd, "run", "--roles", "gateway", "--state", state,
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
	for _, m := range models {
		if err := p.Await(ctx, addresses.GatewayHTTP+"/v2/models/"+m.name+"/ready"); err != nil {
			return nil, err
		}
	}
	err = s.byProtocol(addresses.GatewayGRPC, models[0])
	return s, err
}

// version of each model, in the only release that there is.
const version = "1.0.0"

// release puts the models into production, as the last steps of a release do.
func (b *bench) release(ctx context.Context, state string, models []model) (err error) {
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
	for _, m := range models {
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
		if _, err := c.PromoteCanary(ctx, m.name, release, route.Rev, mark("promote")); err != nil {
			return err
		}
	}
	return nil
}
