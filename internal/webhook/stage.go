package webhook

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// stage is the move of a version between stages, by whom and why.
func (t telling) stage(number, from, to string) Notice {
	return Notice{StageUpdated, StageData{Name: t.name, Version: number, From: from, To: to, Actor: t.event.Actor, Reason: t.event.Reason}}
}

func (t telling) staged(ctx context.Context) ([]Notice, error) {
	d, err := read[catalog.Model](t.event)
	if err != nil {
		return nil, err
	}
	number, err := t.number(ctx, t.version)
	return []Notice{t.stage(number, d.Before.Stage, d.After.Stage)}, err
}

// demoted is a version that leaves production with no other in its place.
func (t telling) demoted(ctx context.Context) ([]Notice, error) {
	moved, err := t.staged(ctx)
	return append([]Notice{t.withoutAlias(catalog.AliasProduction)}, moved...), err
}

// promoted is the alias, the version that enters production, and the one that it replaces.
func (t telling) promoted(ctx context.Context) ([]Notice, error) {
	number, err := t.number(ctx, t.version)
	if err != nil {
		return nil, err
	}
	out := []Notice{
		{VersionAliasCreated, AliasData{Name: t.name, Alias: catalog.AliasProduction, Version: number}},
		t.stage(number, "", catalog.StageProduction),
	}
	before, err := replaced(t.event)
	if err != nil || before == "" {
		return out, err
	}
	number, err = t.number(ctx, before)
	return append(out, t.stage(number, catalog.StageProduction, catalog.StageArchived)), err
}

// replaced is the version that was in production before a promotion: of one by
// hand the event has the version, of a canary's the route.
func replaced(e catalog.Event) (string, error) {
	var d struct {
		Before struct {
			Version string `json:"version"`
			Stable  string `json:"stable"`
		} `json:"before"`
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return "", fmt.Errorf("read event %d: %w", e.ID, err)
	}
	if d.Before.Version != "" {
		return d.Before.Version, nil
	}
	return d.Before.Stable, nil
}
