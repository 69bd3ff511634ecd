package mlflow

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
)

type aliasRequest struct {
	Name    string   `json:"name"`
	Alias   string   `json:"alias"`
	Version *integer `json:"version"`
}

// aliasLatest is no alias on record: it stands for the version with the highest number.
const aliasLatest = "latest"

var (
	validAlias   = regexp.MustCompile(`^[\w\-]+$`)
	versionAlias = regexp.MustCompile(`^[vV]\d+$`)
)

// checkAlias accepts what can be an alias; settable: what a client may set.
func checkAlias(alias string, settable bool) error {
	switch {
	case alias == "":
		return fail(InvalidParameterValue, "Registered model alias name cannot be empty.")
	case !validAlias.MatchString(alias):
		return fail(InvalidParameterValue, "Invalid alias name: '%s'. Names may only contain alphanumerics, underscores (_) and dashes (-).", clip(alias))
	case settable && strings.EqualFold(alias, aliasLatest):
		return fail(InvalidParameterValue, "'latest' alias name (case insensitive) is reserved.")
	case settable && versionAlias.MatchString(alias):
		return fail(InvalidParameterValue, "Version alias name '%s' is reserved.", alias)
	}
	return within("alias", alias, maxAlias)
}

// setAlias points an alias at a version, wherever it pointed: the protocol has
// no compare-and-set. A protected alias, and that of a release's production, are refused.
func (a *API) setAlias(ctx context.Context, in *aliasRequest) (empty, error) {
	if err := checkAlias(in.Alias, true); err != nil {
		return empty{}, err
	}
	m, err := a.version(ctx, in.Name, in.Version)
	if err != nil {
		return empty{}, err
	}
	if in.Alias == catalog.AliasProduction {
		// The alias and the stage are one thing here.
		_, err = a.cfg.Catalog.PromoteModel(ctx, catalog.Promotion{Name: m.Name, Version: m.Version}, mark(ctx, reasonRegistry))
	} else {
		_, err = a.cfg.Catalog.MoveAlias(ctx, catalog.AliasMove{Name: m.Name, Alias: in.Alias, Version: m.Version}, mark(ctx, reasonRegistry))
	}
	return empty{}, versioned(m.Name, m.Number, err)
}

// deleteAlias takes an alias away; one that is not there is no error.
func (a *API) deleteAlias(ctx context.Context, in *aliasRequest) (empty, error) {
	if err := checkAlias(in.Alias, false); err != nil {
		return empty{}, err
	}
	r, err := a.registered(ctx, in.Name)
	if err != nil {
		return empty{}, err
	}
	if in.Alias == catalog.AliasProduction {
		for _, one := range r.Aliases {
			if one.Alias == in.Alias {
				_, err = a.cfg.Catalog.DemoteModel(ctx, r.Name, one.Version, catalog.StageArchived, mark(ctx, reasonRegistry))
			}
		}
		return empty{}, err
	}
	_, err = a.cfg.Catalog.RemoveAlias(ctx, catalog.AliasMove{Name: r.Name, Alias: in.Alias}, mark(ctx, reasonRegistry))
	if errors.Is(err, catalog.ErrNotFound) {
		err = nil
	}
	return empty{}, err
}

func (a *API) getByAlias(ctx context.Context, in *aliasRequest) (versionAnswer, error) {
	if err := checkAlias(in.Alias, false); err != nil {
		return versionAnswer{}, err
	}
	r, err := a.registered(ctx, in.Name)
	if err != nil {
		return versionAnswer{}, err
	}
	if strings.EqualFold(in.Alias, aliasLatest) {
		var last catalog.Model
		for _, m := range r.Latest {
			if m.Number > last.Number {
				last = m
			}
		}
		if last.Number == 0 {
			return versionAnswer{}, fail(DoesNotExist, "Latest version not found for model %s.", r.Name)
		}
		return versionAnswer{asVersion(last)}, nil
	}
	for _, one := range r.Aliases {
		if one.Alias == in.Alias {
			m, err := a.cfg.Catalog.Model(ctx, r.Name, one.Version)
			return versionAnswer{asVersion(m)}, err
		}
	}
	return versionAnswer{}, fail(InvalidParameterValue, "Registered model alias %s not found.", in.Alias)
}
