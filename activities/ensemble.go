package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/ensemble"
	"github.com/slipway-ml/slipway/internal/spec"
)

// members refuses an ensemble with a version of the registry in it that may not be
// served, or that is not what the registry has under its name. Files that the ensemble
// brings along are tested with it, as part of it.
func (m *ModelTests) members(ctx context.Context, model spec.Model, artifact []byte) error {
	if m.Catalog == nil || model.RuntimeOf(artifact) != spec.RuntimeEnsemble {
		return nil
	}
	bundle, err := ensemble.Open(artifact)
	if err != nil {
		return invalid{fmt.Errorf("model.artifact: %w", err)}
	}
	for _, s := range bundle.Steps {
		if s.Model.File != "" {
			continue
		}
		if err := m.member(ctx, s.Model); err != nil {
			return fmt.Errorf("model.artifact: step %s of the ensemble: %w", s.Name, err)
		}
	}
	return nil
}

func (m *ModelTests) member(ctx context.Context, member ensemble.Member) error {
	v, err := m.Catalog.Model(ctx, member.Name, member.Version)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return invalid{fmt.Errorf("the registry has no %s", member)}
	case err != nil:
		return err
	case v.Stage == catalog.StageRejected:
		return invalid{fmt.Errorf("%s was rejected", member)}
	case !v.DeletedAt.IsZero():
		return invalid{fmt.Errorf("%s has been deleted from the registry", member)}
	case v.Digest != member.Digest:
		return invalid{fmt.Errorf("the registry has %s as %s, the ensemble as %s", member, v.Digest, member.Digest)}
	}
	return nil
}
