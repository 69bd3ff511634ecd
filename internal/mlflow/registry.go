package mlflow

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// registeredModel is a registered model as it goes out.
type registeredModel struct {
	Name        string         `json:"name"`
	CreatedAt   int64          `json:"creation_timestamp"`
	UpdatedAt   int64          `json:"last_updated_timestamp"`
	User        string         `json:"user_id,omitempty"`
	Description string         `json:"description,omitempty"`
	Latest      []modelVersion `json:"latest_versions,omitempty"`
	Tags        []registryTag  `json:"tags,omitempty"`
	Aliases     []modelAlias   `json:"aliases,omitempty"`
}

// modelVersion is a version as it goes out. Version is its number, as a string.
type modelVersion struct {
	Name          string        `json:"name"`
	Version       string        `json:"version"`
	CreatedAt     int64         `json:"creation_timestamp"`
	UpdatedAt     int64         `json:"last_updated_timestamp"`
	User          string        `json:"user_id,omitempty"`
	Stage         string        `json:"current_stage"`
	Description   string        `json:"description,omitempty"`
	Source        string        `json:"source,omitempty"`
	RunID         string        `json:"run_id,omitempty"`
	RunLink       string        `json:"run_link,omitempty"`
	Status        string        `json:"status"`
	StatusMessage string        `json:"status_message,omitempty"`
	Tags          []registryTag `json:"tags,omitempty"`
	Aliases       []string      `json:"aliases,omitempty"`
	ModelID       string        `json:"model_id,omitempty"`
}

type registryTag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type modelAlias struct {
	Alias   string `json:"alias"`
	Version string `json:"version"`
}

// stages are MLflow's names of ours. A rejected version is one that must not be used: to MLflow it is archived.
func stages() map[string]string {
	return map[string]string{
		catalog.StageNone: "None", catalog.StageStaging: "Staging", catalog.StageProduction: "Production",
		catalog.StageArchived: "Archived", catalog.StageRejected: "Archived",
	}
}

// parseStage reads one of MLflow's stages, in any case.
func parseStage(text string) (string, error) {
	switch stage := strings.ToLower(text); stage {
	case catalog.StageNone, catalog.StageStaging, catalog.StageProduction, catalog.StageArchived:
		return stage, nil
	}
	return "", fail(InvalidParameterValue, "Invalid Model Version stage: %s. Value must be one of None, Staging, Production, Archived.", clip(text))
}

// source is where a client finds the content. What a release registered is a
// blob of the store: its digest says which.
func source(m catalog.Model) string {
	if m.Source == "" {
		return "slipway:" + m.Digest
	}
	return m.Source
}

func asVersion(m catalog.Model) modelVersion {
	return modelVersion{
		Name: m.Name, Version: strconv.FormatInt(m.Number, 10), CreatedAt: m.CreatedAt.UnixMilli(), UpdatedAt: m.UpdatedAt.UnixMilli(),
		User: m.CreatedBy, Stage: stages()[m.Stage], Description: m.Description, Source: source(m), RunID: m.Run, RunLink: m.RunLink,
		Status: m.Status, StatusMessage: m.StatusMessage, Tags: asTags(m.Tags), Aliases: m.Aliases, ModelID: m.ModelID,
	}
}

func asVersions(models []catalog.Model) []modelVersion {
	out := make([]modelVersion, len(models))
	for i, m := range models {
		out[i] = asVersion(m)
	}
	return out
}

func asRegistered(r catalog.RegisteredModel) registeredModel {
	out := registeredModel{
		Name: r.Name, CreatedAt: r.CreatedAt.UnixMilli(), UpdatedAt: r.UpdatedAt.UnixMilli(), User: r.CreatedBy,
		Description: r.Description, Tags: asTags(r.Tags), Latest: asVersions(latest(r, nil)),
	}
	numbers := map[string]int64{}
	for _, a := range r.Aliases {
		numbers[a.Version] = a.Number
		out.Aliases = append(out.Aliases, modelAlias{a.Alias, strconv.FormatInt(a.Number, 10)})
	}
	return out
}

// latest are the versions with the highest numbers in each of MLflow's stages
// that is asked for; nil asks for all.
func latest(r catalog.RegisteredModel, wanted []string) (out []catalog.Model) {
	best := map[string]catalog.Model{}
	for _, m := range r.Latest {
		stage := stages()[m.Stage]
		if (wanted == nil || slices.Contains(wanted, stage)) && m.Number > best[stage].Number {
			best[stage] = m
		}
	}
	for _, stage := range slices.Sorted(maps.Keys(best)) {
		out = append(out, best[stage])
	}
	return out
}

func asTags(tags map[string]string) (out []registryTag) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, registryTag{key, tags[key]})
	}
	return out
}

const (
	maxRegistryTag = 100_000 // of a model's or a version's tag
	maxAlias       = 255
)

// readTags reads the tags of something new.
func readTags(given []registryTag) (map[string]string, error) {
	tags := map[string]string{}
	for _, tag := range given {
		if err := checkRegistryTag(tag); err != nil {
			return nil, err
		}
		tags[tag.Key] = tag.Value
	}
	return tags, nil
}

func checkRegistryTag(tag registryTag) error {
	if err := checkKey("key", tag.Key); err != nil {
		return err
	}
	return within("value", tag.Value, maxRegistryTag)
}

// checkModelName accepts what MLflow and the catalog do: a name is a segment of URIs and of paths.
func checkModelName(parameter, name string) error {
	if strings.TrimSpace(name) == "" {
		return missing(parameter)
	}
	if strings.ContainsAny(name, "/:@") || name == "." || name == ".." {
		return fail(InvalidParameterValue, "Invalid model name '%s'. Names cannot contain '/', ':' or '@'.", clip(name))
	}
	return nil
}
