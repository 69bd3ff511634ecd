package mlflow

import (
	"context"
	"errors"
	"net/http"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func (a *API) registryEndpoints() []endpoint {
	return []endpoint{
		rpc(http.MethodPost, "registered-models/create", a.createRegisteredModel),
		rpc(http.MethodGet, "registered-models/get", a.getRegisteredModel),
		rpc(http.MethodPost, "registered-models/rename", a.renameRegisteredModel),
		rpc(http.MethodPatch, "registered-models/update", a.updateRegisteredModel),
		rpc(http.MethodDelete, "registered-models/delete", a.deleteRegisteredModel),
		rpc(http.MethodGet, "registered-models/search", a.searchRegisteredModels),
		rpc(http.MethodGet, "registered-models/get-latest-versions", a.latestVersions),
		rpc(http.MethodPost, "registered-models/get-latest-versions", a.latestVersions),
		rpc(http.MethodPost, "registered-models/set-tag", a.setRegisteredModelTag),
		rpc(http.MethodDelete, "registered-models/delete-tag", a.deleteRegisteredModelTag),
		rpc(http.MethodPost, "registered-models/alias", a.setAlias),
		rpc(http.MethodDelete, "registered-models/alias", a.deleteAlias),
		rpc(http.MethodGet, "registered-models/alias", a.getByAlias),
		rpc(http.MethodPost, "model-versions/create", a.createVersion),
		rpc(http.MethodGet, "model-versions/get", a.getVersion),
		rpc(http.MethodPatch, "model-versions/update", a.updateVersion),
		rpc(http.MethodPost, "model-versions/transition-stage", a.transitionStage),
		rpc(http.MethodDelete, "model-versions/delete", a.deleteVersion),
		rpc(http.MethodGet, "model-versions/search", a.searchVersions),
		rpc(http.MethodGet, "model-versions/get-download-uri", a.downloadURI),
		rpc(http.MethodPost, "model-versions/set-tag", a.setVersionTag),
		rpc(http.MethodDelete, "model-versions/delete-tag", a.deleteVersionTag),
	}
}

// The marks' reasons say only by what way a move came: the protocol has no room for why.
const reasonRegistry = "MLflow API"

type registeredModelAnswer struct {
	Model registeredModel `json:"registered_model"`
}

type createRegisteredModelRequest struct {
	Name        string        `json:"name"`
	Tags        []registryTag `json:"tags"`
	Description string        `json:"description"`
}

func (a *API) createRegisteredModel(ctx context.Context, in *createRegisteredModelRequest) (registeredModelAnswer, error) {
	if err := checkModelName("name", in.Name); err != nil {
		return registeredModelAnswer{}, err
	}
	tags, err := readTags(in.Tags)
	if err != nil {
		return registeredModelAnswer{}, err
	}
	made, err := a.cfg.Catalog.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: in.Name, Description: in.Description, Tags: tags}, mark(ctx, reasonRegistry))
	if errors.Is(err, catalog.ErrConflict) {
		return registeredModelAnswer{}, fail(AlreadyExists, "Registered Model (name=%s) already exists.", in.Name)
	}
	return registeredModelAnswer{asRegistered(made)}, err
}

type namedModel struct {
	Name string `json:"name"`
}

// named turns the catalog's error of an unknown model into MLflow's words.
func named(name string, err error) error {
	if errors.Is(err, catalog.ErrNotFound) {
		return fail(DoesNotExist, "Registered Model with name=%s not found", clip(name))
	}
	return err
}

func (a *API) registered(ctx context.Context, name string) (catalog.RegisteredModel, error) {
	if err := checkModelName("name", name); err != nil {
		return catalog.RegisteredModel{}, err
	}
	r, err := a.cfg.Catalog.RegisteredModel(ctx, name)
	return r, named(name, err)
}

func (a *API) getRegisteredModel(ctx context.Context, in *namedModel) (registeredModelAnswer, error) {
	r, err := a.registered(ctx, in.Name)
	return registeredModelAnswer{asRegistered(r)}, err
}

type renameRegisteredModelRequest struct {
	Name    string `json:"name"`
	NewName string `json:"new_name"`
}

func (a *API) renameRegisteredModel(ctx context.Context, in *renameRegisteredModelRequest) (registeredModelAnswer, error) {
	if err := errors.Join(checkModelName("name", in.Name), checkModelName("new_name", in.NewName)); err != nil {
		return registeredModelAnswer{}, err
	}
	r, err := a.cfg.Catalog.RenameRegisteredModel(ctx, in.Name, in.NewName, mark(ctx, reasonRegistry))
	if errors.Is(err, catalog.ErrConflict) && !errors.Is(err, catalog.ErrGoverned) {
		return registeredModelAnswer{}, fail(AlreadyExists, "Registered Model (name=%s) already exists. %v", in.NewName, err)
	}
	return registeredModelAnswer{asRegistered(r)}, named(in.Name, err)
}

type describeModelRequest struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

func (a *API) updateRegisteredModel(ctx context.Context, in *describeModelRequest) (registeredModelAnswer, error) {
	if err := checkModelName("name", in.Name); err != nil {
		return registeredModelAnswer{}, err
	}
	r, err := a.cfg.Catalog.DescribeRegisteredModel(ctx, in.Name, in.Description, mark(ctx, reasonRegistry))
	return registeredModelAnswer{asRegistered(r)}, named(in.Name, err)
}

func (a *API) deleteRegisteredModel(ctx context.Context, in *namedModel) (empty, error) {
	if err := checkModelName("name", in.Name); err != nil {
		return empty{}, err
	}
	return empty{}, named(in.Name, a.cfg.Catalog.DeleteRegisteredModel(ctx, in.Name, mark(ctx, reasonRegistry)))
}

type modelTagRequest struct {
	Name  string `json:"name"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (a *API) setRegisteredModelTag(ctx context.Context, in *modelTagRequest) (empty, error) {
	if err := errors.Join(checkModelName("name", in.Name), checkRegistryTag(registryTag{in.Key, in.Value})); err != nil {
		return empty{}, err
	}
	return empty{}, named(in.Name, a.cfg.Catalog.TagRegisteredModel(ctx, in.Name, catalog.Tag{Key: in.Key, Value: in.Value}, mark(ctx, reasonRegistry)))
}

func (a *API) deleteRegisteredModelTag(ctx context.Context, in *modelTagRequest) (empty, error) {
	if err := errors.Join(checkModelName("name", in.Name), checkKey("key", in.Key)); err != nil {
		return empty{}, err
	}
	return empty{}, named(in.Name, a.cfg.Catalog.UntagRegisteredModel(ctx, in.Name, in.Key, mark(ctx, reasonRegistry)))
}

type latestVersionsRequest struct {
	Name   string   `json:"name"`
	Stages []string `json:"stages"`
}

type versionsAnswer struct {
	Versions []modelVersion `json:"model_versions,omitempty"`
	Next     string         `json:"next_page_token,omitempty"`
}

func (a *API) latestVersions(ctx context.Context, in *latestVersionsRequest) (versionsAnswer, error) {
	var wanted []string
	for _, text := range in.Stages {
		stage, err := parseStage(text)
		if err != nil {
			return versionsAnswer{}, err
		}
		wanted = append(wanted, stages()[stage])
	}
	r, err := a.registered(ctx, in.Name)
	return versionsAnswer{Versions: asVersions(latest(r, wanted))}, err
}
