package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/spec"
)

// oneModel is a catalog and a blob store that hold one model, in production for
// ever. What the gateway reports is not kept.
type oneModel struct {
	bytes  []byte
	digest artifacts.Digest
	config spec.Model
	raw    json.RawMessage
}

var (
	_ gateway.Catalog = (*oneModel)(nil)
	_ gateway.Blobs   = (*oneModel)(nil)
)

func newOneModel(path string, config spec.Model) (*oneModel, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	raw, err := json.Marshal(gateway.ModelConfig{Model: config})
	if err != nil {
		return nil, fmt.Errorf("write the model's configuration: %w", err)
	}
	return &oneModel{bytes: b, digest: artifacts.DigestOf(b), config: config, raw: raw}, nil
}

// Routes implements gateway.Catalog.
func (m *oneModel) Routes(context.Context) ([]catalog.Route, error) {
	return []catalog.Route{{Model: m.config.Name, Stable: m.config.Version, StableDigest: string(m.digest), Rev: 1}}, nil
}

// Model implements gateway.Catalog.
func (m *oneModel) Model(context.Context, string, string) (catalog.Model, error) {
	return catalog.Model{Name: m.config.Name, Version: m.config.Version, Digest: string(m.digest), Config: m.raw}, nil
}

// Models implements gateway.Catalog.
func (m *oneModel) Models(ctx context.Context, f catalog.ModelFilter) ([]catalog.Model, error) {
	if f.Name != "" && f.Name != m.config.Name {
		return nil, nil
	}
	one, err := m.Model(ctx, m.config.Name, m.config.Version)
	return []catalog.Model{one}, err
}

// Fetch implements gateway.Blobs.
func (m *oneModel) Fetch(_ context.Context, _ artifacts.Digest, path string) error {
	return os.WriteFile(path, m.bytes, 0o600)
}

// Put implements gateway.Blobs.
func (m *oneModel) Put(_ context.Context, r io.Reader, mediaType string) (artifacts.Ref, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return artifacts.Ref{}, err
	}
	return artifacts.Ref{Digest: artifacts.Digest(fmt.Sprintf("sha256:%x", h.Sum(nil))), Size: n, MediaType: mediaType}, nil
}

// Beat implements gateway.Catalog.
func (m *oneModel) Beat(context.Context, catalog.Gateway, []catalog.Instance) error { return nil }

// Leave implements gateway.Catalog.
func (m *oneModel) Leave(context.Context, string) error { return nil }

// AddTraffic implements gateway.Catalog.
func (m *oneModel) AddTraffic(context.Context, []catalog.Traffic) error { return nil }

// AddSegment implements gateway.Catalog.
func (m *oneModel) AddSegment(context.Context, catalog.Segment) error { return nil }
