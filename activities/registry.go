package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Executions tells whether a workflow attempt still runs.
type Executions interface {
	// Running reports whether workflowID is running and belongs to the chain that began with run.
	Running(ctx context.Context, workflowID, run string) (bool, error)
}

// Registry keeps the record of releases and models.
type Registry struct {
	Catalog    *catalog.Catalog
	Executions Executions
	// AllowUnverified lets unsigned messages count: loopback development only.
	AllowUnverified bool
}

// Begin claims the model for the release. A claim whose workflow no longer
// runs (it was terminated, so it could not clean up) is taken over: its canary
// leaves the route first.
//
// A version that another release has brought into production is not claimed: it is released once.
func (r *Registry) Begin(ctx context.Context, in contract.BeginInput) (contract.BeginOutput, error) {
	if stage, err := r.released(ctx, in.Key); err != nil || stage != "" {
		return contract.BeginOutput{Released: stage}, err
	}
	start := catalog.Release{
		Model: in.Key.Model, Version: in.Key.Version, Run: in.Key.Run,
		WorkflowID: in.WorkflowID, RequestedBy: in.RequestedBy, Candidate: in.Candidate,
	}
	holder, err := r.claim(ctx, start, mark(in.Key, "begin", in.RequestedBy, ""))
	if err != nil || holder != "" {
		return contract.BeginOutput{Holder: holder}, err
	}
	out := contract.BeginOutput{Admitted: true, AllowUnverified: r.AllowUnverified}
	route, err := r.Catalog.Route(ctx, in.Key.Model)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return out, err
	}
	out.Production, out.ProductionDigest = route.Stable, route.StableDigest
	return out, nil
}

// released is the stage of a version that has been released before by another attempt; empty for one that has not.
func (r *Registry) released(ctx context.Context, key contract.Key) (string, error) {
	m, err := r.Catalog.Model(ctx, key.Model, key.Version)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	case m.Release != key.String() && (m.Stage == catalog.StageProduction || m.Stage == catalog.StageArchived):
		return m.Stage, nil
	}
	return "", nil
}

// claim gives the model to the release, or names the workflow of the living
// release that has it. Of several that find the same dead holder one gets the
// model; the others meet that one in the next round.
func (r *Registry) claim(ctx context.Context, start catalog.Release, begun catalog.Mark) (holder string, _ error) {
	for {
		_, err := r.Catalog.BeginRelease(ctx, start, begun)
		var held *catalog.HeldError
		if !errors.As(err, &held) {
			return "", err
		}
		alive, err := r.Executions.Running(ctx, held.Holder.WorkflowID, held.Holder.Run)
		switch {
		case err != nil:
			return "", err
		case alive:
			return held.Holder.WorkflowID, nil
		}
		if err := r.abandon(ctx, held.Holder); err != nil {
			return "", err
		}
	}
}

// abandon undoes what a release that died without clean-up left behind.
func (r *Registry) abandon(ctx context.Context, dead catalog.Release) error {
	key := contract.Key{Model: dead.Model, Version: dead.Version, Run: dead.Run}
	const why = "its workflow ended without clean-up"
	if _, err := r.Catalog.ClearCanary(ctx, dead.Model, key.String(), mark(key, "abandon-route", "slipway", why)); err != nil {
		return err
	}
	if err := r.reject(ctx, key, "slipway", why); err != nil {
		return err
	}
	return r.Catalog.AbandonRelease(ctx, dead, why, mark(key, "abandon", "slipway", why))
}

// registered is the configuration of a version that a release registered. Fields are only ever added.
type registered struct {
	gateway.ModelConfig
	// Watched is what monitoring compares the version's predictions with; nil of versions from before this was kept.
	Watched *spec.Data `json:"watched,omitempty"`
}

// Register puts the tested model into the registry with its evidence.
func (r *Registry) Register(ctx context.Context, in contract.RegisterInput) (contract.ModelVersion, error) {
	config, err := json.Marshal(registered{ModelConfig: gateway.ModelConfig{Model: in.Model, Sensitive: in.Sensitive}, Watched: in.Watched})
	if err != nil {
		return contract.ModelVersion{}, fmt.Errorf("encode model configuration: %w", err)
	}
	evidence := make([]catalog.Evidence, len(in.Evidence))
	for i, e := range in.Evidence {
		evidence[i] = catalog.Evidence{Suite: e.Suite, Passed: e.Passed, Report: e.Report.Digest, Page: e.Report.Page}
	}
	m, existed, err := r.Catalog.RegisterModel(ctx, catalog.Model{
		Name: in.Model.Name, Version: in.Model.Version, Digest: in.Model.Artifact.Digest, DataDigest: in.Data.Digest,
		Release: in.Key.String(), Config: config, Metrics: measured(in), CreatedBy: in.RequestedBy,
	}, evidence, mark(in.Key, "register", in.RequestedBy, ""))
	if err != nil {
		return contract.ModelVersion{}, err
	}
	if err := r.Catalog.LinkData(ctx, in.Data.Digest, m.ID, in.Key.String()); err != nil {
		return contract.ModelVersion{}, err
	}
	return contract.ModelVersion{ID: m.ID, Number: m.Number, Digest: m.Digest, Existed: existed}, nil
}

// measured is what the gates measured: of the model, and of its data by the names of the quality checks.
func measured(in contract.RegisterInput) map[string]float64 {
	all := map[string]float64{}
	maps.Copy(all, in.Quality)
	maps.Copy(all, in.Metrics)
	return all
}

// NoteGate puts a gate's end on record.
func (r *Registry) NoteGate(ctx context.Context, in contract.NoteGateInput) (contract.Empty, error) {
	report, err := json.Marshal(in.Gate)
	if err != nil {
		return contract.Empty{}, fmt.Errorf("encode gate: %w", err)
	}
	err = r.Catalog.NoteGate(ctx, in.Key.Model, in.Key.Version, in.Key.Run, string(in.Gate.Gate), report,
		mark(in.Key, "gate/"+string(in.Gate.Gate), "slipway", in.Gate.Summary))
	return contract.Empty{}, err
}

// Finish ends the release in the catalog; a model that did not make it leaves staging as rejected.
func (r *Registry) Finish(ctx context.Context, in contract.FinishInput) (contract.Empty, error) {
	if in.Outcome != contract.OutcomeProduction {
		if err := r.reject(ctx, in.Key, in.By, in.Reason); err != nil {
			return contract.Empty{}, err
		}
	}
	err := r.Catalog.FinishRelease(ctx, in.Key.Model, in.Key.Version, in.Key.Run, string(in.Outcome), in.Reason, mark(in.Key, "finish", in.By, in.Reason))
	return contract.Empty{}, err
}

func (r *Registry) reject(ctx context.Context, key contract.Key, by, why string) error {
	m, err := r.Catalog.Model(ctx, key.Model, key.Version)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && m.Stage != catalog.StageStaging {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = r.Catalog.SetStage(ctx, key.Model, key.Version, catalog.StageRejected, mark(key, "reject", by, why))
	return err
}
