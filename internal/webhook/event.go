package webhook

import (
	"fmt"
	"slices"
	"strings"
)

// Names of events, "<entity>.<action>". The first six are MLflow's; the others it does not have.
const (
	RegisteredModelCreated = "registered_model.created"
	VersionCreated         = "model_version.created"
	VersionTagSet          = "model_version_tag.set"
	VersionTagDeleted      = "model_version_tag.deleted"
	VersionAliasCreated    = "model_version_alias.created"
	VersionAliasDeleted    = "model_version_alias.deleted"

	// StageUpdated is of every move of a version to another stage, into production and out of it too.
	StageUpdated              = "model_version_stage.updated"
	VersionUpdated            = "model_version.updated"
	VersionDeleted            = "model_version.deleted"
	RegisteredModelUpdated    = "registered_model.updated"
	RegisteredModelRenamed    = "registered_model.renamed"
	RegisteredModelDeleted    = "registered_model.deleted"
	RegisteredModelTagSet     = "registered_model_tag.set"
	RegisteredModelTagDeleted = "registered_model_tag.deleted"
)

// OfMLflow lists the events that MLflow has too. Its client can read no others.
func OfMLflow() []string {
	return []string{RegisteredModelCreated, VersionCreated, VersionTagSet, VersionTagDeleted, VersionAliasCreated, VersionAliasDeleted}
}

// Names lists all events that are sent.
func Names() []string {
	return slices.Concat(OfMLflow(), []string{
		StageUpdated, VersionUpdated, VersionDeleted, RegisteredModelUpdated, RegisteredModelRenamed, RegisteredModelDeleted,
		RegisteredModelTagSet, RegisteredModelTagDeleted,
	})
}

// Notice is what a receiver is told of an event.
type Notice struct {
	Event string
	Data  any
}

// Data of notices; of MLflow's events field for field its own. Version is the number.
type (
	// ModelData is of RegisteredModelCreated.
	ModelData struct {
		Name        string            `json:"name"`
		Tags        map[string]string `json:"tags"`
		Description *string           `json:"description"`
	}
	// VersionData is of VersionCreated.
	VersionData struct {
		Name        string            `json:"name"`
		Version     string            `json:"version"`
		Source      string            `json:"source"`
		RunID       *string           `json:"run_id"`
		Tags        map[string]string `json:"tags"`
		Description *string           `json:"description"`
	}
	// TagData is of VersionTagSet and, without a value, VersionTagDeleted; without a
	// version of RegisteredModelTagSet and RegisteredModelTagDeleted.
	TagData struct {
		Name    string  `json:"name"`
		Version string  `json:"version,omitempty"`
		Key     string  `json:"key"`
		Value   *string `json:"value,omitempty"`
	}
	// AliasData is of VersionAliasCreated and, without a version, VersionAliasDeleted.
	AliasData struct {
		Name    string `json:"name"`
		Alias   string `json:"alias"`
		Version string `json:"version,omitempty"`
	}
	// StageData is of StageUpdated. Stages are none, staging, production, archived and rejected.
	StageData struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		From    string `json:"from,omitempty"` // empty of a version that enters production
		To      string `json:"to"`
		Actor   string `json:"actor"`
		Reason  string `json:"reason"`
	}
	// ChangeData is of RegisteredModelUpdated, VersionUpdated, RegisteredModelDeleted and VersionDeleted, the
	// last two without a description.
	ChangeData struct {
		Name        string  `json:"name"`
		Version     string  `json:"version,omitempty"`
		Description *string `json:"description,omitempty"`
	}
	// RenameData is of RegisteredModelRenamed.
	RenameData struct {
		Name    string `json:"name"`
		OldName string `json:"old_name"`
	}
)

// Example is what a test delivery of an event carries; of MLflow's events its own examples.
func Example(event string) (Notice, error) {
	value, description, run := "example_value", "An example model version", "abcd1234abcd5678"
	tags := map[string]string{"example_key": value}
	data := map[string]any{
		RegisteredModelCreated: modelCreated("example_model", tags, "An example registered model").Data,
		VersionCreated:         VersionData{"example_model", "1", "models:/123", &run, tags, &description},
		VersionTagSet:          TagData{"example_model", "1", "example_key", &value},
		VersionTagDeleted:      TagData{"example_model", "1", "example_key", nil},
		VersionAliasCreated:    AliasData{"example_model", "example_alias", "1"},
		VersionAliasDeleted:    AliasData{"example_model", "example_alias", ""},

		StageUpdated:              StageData{"example_model", "1", "none", "staging", "ann", "an example"},
		VersionUpdated:            ChangeData{"example_model", "1", &description},
		VersionDeleted:            ChangeData{"example_model", "1", nil},
		RegisteredModelUpdated:    ChangeData{"example_model", "", &description},
		RegisteredModelRenamed:    RenameData{"example_model", "former_model"},
		RegisteredModelDeleted:    ChangeData{"example_model", "", nil},
		RegisteredModelTagSet:     TagData{"example_model", "", "example_key", &value},
		RegisteredModelTagDeleted: TagData{"example_model", "", "example_key", nil},
	}[event]
	if data == nil {
		return Notice{}, fmt.Errorf("%q is no event: want one of %s", event, strings.Join(Names(), ", "))
	}
	return Notice{event, data}, nil
}
