package catalog

import (
	"context"
	"fmt"
	"time"
)

// Gateway is a running gateway.
type Gateway struct {
	ID        string    `db:"id" json:"id"`
	Host      string    `db:"host" json:"host"`
	HTTP      string    `db:"http" json:"http"` // address
	GRPC      string    `db:"grpc" json:"grpc"` // address
	StartedAt time.Time `db:"-" json:"started_at,omitzero"`
	SeenAt    time.Time `db:"-" json:"seen_at"`
}

type gatewayRow struct {
	Gateway
	StartedAt stamp `db:"started_at"`
	SeenAt    stamp `db:"seen_at"`
}

func (r gatewayRow) gateway() Gateway {
	r.Gateway.StartedAt, r.Gateway.SeenAt = r.StartedAt.time(), r.SeenAt.time()
	return r.Gateway
}

// States of an instance.
const (
	InstanceLoading = "loading"
	InstanceReady   = "ready"
	InstanceFailed  = "failed"
)

// Instance is a model version as one gateway has it.
type Instance struct {
	Gateway   string    `db:"gateway" json:"gateway"`
	Model     string    `db:"model" json:"model"`
	Version   string    `db:"version" json:"version"`
	Digest    string    `db:"digest" json:"digest"`
	State     string    `db:"state" json:"state"`
	Device    string    `db:"device" json:"device,omitempty"`
	Error     string    `db:"error" json:"error,omitempty"`
	UpdatedAt time.Time `db:"-" json:"updated_at,omitzero"`
}

type instanceRow struct {
	Instance
	UpdatedAt stamp `db:"updated_at"`
}

func (r instanceRow) instance() Instance {
	r.Instance.UpdatedAt = r.UpdatedAt.time()
	return r.Instance
}

// Beat tells that a gateway lives and which instances it has: all of them, as
// those it had before are forgotten. A zero SeenAt becomes now, a zero UpdatedAt
// too; an instance's Gateway is set here.
func (c *Catalog) Beat(ctx context.Context, g Gateway, instances []Instance) error {
	if err := required("gateway id", g.ID); err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	return c.update(ctx, "beat of gateway "+g.ID, func(t *tx) error {
		seen := g.SeenAt
		if seen.IsZero() {
			seen = t.now
		}
		if err := t.insert(ctx, "gateways(id, host, http, grpc, started_at, seen_at)", `ON CONFLICT (id) DO UPDATE SET
			host = excluded.host, http = excluded.http, grpc = excluded.grpc, started_at = excluded.started_at, seen_at = excluded.seen_at`,
			[]any{g.ID, g.Host, g.HTTP, g.GRPC, stamp(g.StartedAt), stamp(seen)}); err != nil {
			return err
		}
		if _, err := t.exec(ctx, "DELETE FROM instances WHERE gateway = ?", g.ID); err != nil {
			return err
		}
		rows := make([][]any, len(instances))
		for i, in := range instances {
			updated := in.UpdatedAt
			if updated.IsZero() {
				updated = t.now
			}
			rows[i] = []any{g.ID, in.Model, in.Version, in.Digest, in.State, in.Device, in.Error, stamp(updated)}
		}
		return t.insert(ctx, "instances(gateway, model, version, digest, state, device, error, updated_at)", "", rows...)
	})
}

// Leave forgets a gateway and its instances.
func (c *Catalog) Leave(ctx context.Context, gatewayID string) error {
	return c.update(ctx, "leave of gateway "+gatewayID, func(t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM gateways WHERE id = ?", gatewayID)
		return err
	})
}

// Gateways lists the gateways that were seen at or after a time, by id.
func (c *Catalog) Gateways(ctx context.Context, seenSince time.Time) ([]Gateway, error) {
	var q query
	if !seenSince.IsZero() {
		q.where("seen_at >= ?", stamp(seenSince))
	}
	return list(ctx, c, "list gateways", gatewayRow.gateway,
		q.sql("SELECT id, host, http, grpc, started_at, seen_at FROM gateways", "id", 0), q.args...)
}

// Instances lists the instances of the model with a digest, or all if it is
// empty. Those of a gateway that died without Leave are among them: compare
// with Gateways.
func (c *Catalog) Instances(ctx context.Context, digest string) ([]Instance, error) {
	var q query
	if digest != "" {
		q.where("digest = ?", digest)
	}
	return list(ctx, c, "list instances", instanceRow.instance,
		q.sql("SELECT gateway, model, version, digest, state, device, error, updated_at FROM instances", "model, version, gateway", 0), q.args...)
}
