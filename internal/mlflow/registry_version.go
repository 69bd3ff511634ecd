package mlflow

import (
	"context"
	"errors"

	"github.com/slipway-ml/slipway/internal/catalog"
)

type versionAnswer struct {
	Version modelVersion `json:"model_version"`
}

type createVersionRequest struct {
	Name        string        `json:"name"`
	Source      string        `json:"source"`
	RunID       string        `json:"run_id"`
	Tags        []registryTag `json:"tags"`
	RunLink     string        `json:"run_link"`
	Description string        `json:"description"`
	ModelID     string        `json:"model_id"`
}

func (a *API) createVersion(ctx context.Context, in *createVersionRequest) (versionAnswer, error) {
	if err := errors.Join(checkModelName("name", in.Name), required("source", in.Source)); err != nil {
		return versionAnswer{}, err
	}
	tags, err := readTags(in.Tags)
	if err != nil {
		return versionAnswer{}, err
	}
	v := catalog.Model{Name: in.Name, Source: in.Source, Run: in.RunID, RunLink: in.RunLink, Description: in.Description, ModelID: in.ModelID, Tags: tags}
	if err := a.resolve(ctx, &v); err != nil {
		return versionAnswer{}, err
	}
	made, err := a.cfg.Catalog.CreateVersion(ctx, v, mark(ctx, reasonRegistry))
	return versionAnswer{asVersion(made)}, named(in.Name, err)
}

type versionRequest struct {
	Name        string   `json:"name"`
	Version     *integer `json:"version"`
	Description string   `json:"description"`
}

// version finds a version by the number that a client gave.
func (a *API) version(ctx context.Context, name string, number *integer) (catalog.Model, error) {
	if err := checkModelName("name", name); err != nil {
		return catalog.Model{}, err
	}
	if number == nil {
		return catalog.Model{}, missing("version")
	}
	m, err := a.cfg.Catalog.VersionByNumber(ctx, name, int64(*number))
	return m, versioned(name, int64(*number), err)
}

// versioned turns the catalog's error of an unknown version into MLflow's words.
func versioned(name string, number int64, err error) error {
	if errors.Is(err, catalog.ErrNotFound) {
		return fail(DoesNotExist, "Model Version (name=%s, version=%d) not found", clip(name), number)
	}
	return err
}

func (a *API) getVersion(ctx context.Context, in *versionRequest) (versionAnswer, error) {
	m, err := a.version(ctx, in.Name, in.Version)
	return versionAnswer{asVersion(m)}, err
}

func (a *API) updateVersion(ctx context.Context, in *versionRequest) (versionAnswer, error) {
	m, err := a.version(ctx, in.Name, in.Version)
	if err != nil {
		return versionAnswer{}, err
	}
	now, err := a.cfg.Catalog.DescribeVersion(ctx, m.Name, m.Version, in.Description, mark(ctx, reasonRegistry))
	return versionAnswer{asVersion(now)}, versioned(m.Name, m.Number, err)
}

func (a *API) deleteVersion(ctx context.Context, in *versionRequest) (empty, error) {
	m, err := a.version(ctx, in.Name, in.Version)
	if err != nil {
		return empty{}, err
	}
	return empty{}, versioned(m.Name, m.Number, a.cfg.Catalog.DeleteVersion(ctx, m.Name, m.Version, mark(ctx, reasonRegistry)))
}

type versionTagRequest struct {
	Name    string   `json:"name"`
	Version *integer `json:"version"`
	Key     string   `json:"key"`
	Value   string   `json:"value"`
}

func (a *API) setVersionTag(ctx context.Context, in *versionTagRequest) (empty, error) {
	if err := checkRegistryTag(registryTag{in.Key, in.Value}); err != nil {
		return empty{}, err
	}
	m, err := a.version(ctx, in.Name, in.Version)
	if err != nil {
		return empty{}, err
	}
	err = a.cfg.Catalog.TagVersion(ctx, m.Name, m.Version, catalog.Tag{Key: in.Key, Value: in.Value}, mark(ctx, reasonRegistry))
	return empty{}, versioned(m.Name, m.Number, err)
}

func (a *API) deleteVersionTag(ctx context.Context, in *versionTagRequest) (empty, error) {
	if err := checkKey("key", in.Key); err != nil {
		return empty{}, err
	}
	m, err := a.version(ctx, in.Name, in.Version)
	if err != nil {
		return empty{}, err
	}
	return empty{}, versioned(m.Name, m.Number, a.cfg.Catalog.UntagVersion(ctx, m.Name, m.Version, in.Key, mark(ctx, reasonRegistry)))
}

type transitionRequest struct {
	Name    string   `json:"name"`
	Version *integer `json:"version"`
	Stage   string   `json:"stage"`
	Archive boolean  `json:"archive_existing_versions"`
}

// transitionStage moves a version between stages. One version is in production:
// where another is, it must be archived in the same move, or the move is refused
// with its name.
func (a *API) transitionStage(ctx context.Context, in *transitionRequest) (versionAnswer, error) {
	if err := required("stage", in.Stage); err != nil {
		return versionAnswer{}, err
	}
	to, err := parseStage(in.Stage)
	if err != nil {
		return versionAnswer{}, err
	}
	if bool(in.Archive) && to != catalog.StageStaging && to != catalog.StageProduction {
		return versionAnswer{}, fail(InvalidParameterValue, "Model version transition cannot archive existing model versions because '%s' is not an Active stage. Valid stages are ['Staging', 'Production']", in.Stage)
	}
	m, err := a.version(ctx, in.Name, in.Version)
	if err != nil {
		return versionAnswer{}, err
	}
	now, err := a.move(ctx, m, to, bool(in.Archive))
	return versionAnswer{asVersion(now)}, versioned(m.Name, m.Number, err)
}

func (a *API) move(ctx context.Context, m catalog.Model, to string, archive bool) (catalog.Model, error) {
	why := mark(ctx, reasonRegistry)
	switch {
	case to == catalog.StageProduction:
		p := catalog.Promotion{Name: m.Name, Version: m.Version}
		if !archive {
			p.Expect = new(string)
		}
		now, err := a.cfg.Catalog.PromoteModel(ctx, p, why)
		var lost *catalog.ProductionError
		if errors.As(err, &lost) {
			return now, fail(Conflict, "version %s of model %s is in production, promoted by %s at %s; a model has one version there: transition with archive_existing_versions=true to take its place",
				lost.Winner, m.Name, lost.By, lost.At.Format("2006-01-02T15:04:05Z07:00"))
		}
		return now, err
	case m.Stage == catalog.StageProduction:
		return a.cfg.Catalog.DemoteModel(ctx, m.Name, m.Version, to, why)
	}
	return a.cfg.Catalog.SetStageAlone(ctx, m.Name, m.Version, to, archive, why)
}

type downloadAnswer struct {
	URI string `json:"artifact_uri"`
}

func (a *API) downloadURI(ctx context.Context, in *versionRequest) (downloadAnswer, error) {
	m, err := a.version(ctx, in.Name, in.Version)
	if err != nil {
		return downloadAnswer{}, err
	}
	uri, err := a.location(ctx, m.Source)
	if uri == "" {
		uri = source(m)
	}
	return downloadAnswer{uri}, err
}
