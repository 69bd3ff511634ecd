package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// Names of events, "<entity>.<action>" as MLflow has them.
const (
	RegisteredModelCreated = "registered_model.created"
	VersionCreated         = "model_version.created"
	VersionTagSet          = "model_version_tag.set"
	VersionTagDeleted      = "model_version_tag.deleted"
	VersionAliasCreated    = "model_version_alias.created"
	VersionAliasDeleted    = "model_version_alias.deleted"
)

// Names lists all events that are sent.
func Names() []string {
	return []string{RegisteredModelCreated, VersionCreated, VersionTagSet, VersionTagDeleted, VersionAliasCreated, VersionAliasDeleted}
}

// Notice is what a receiver is told of an event.
type Notice struct {
	Event string
	Data  any
}

// Data of notices, field for field MLflow's. Version is the number.
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
	// TagData is of VersionTagSet and, without a value, VersionTagDeleted.
	TagData struct {
		Name    string  `json:"name"`
		Version string  `json:"version"`
		Key     string  `json:"key"`
		Value   *string `json:"value,omitempty"`
	}
	// AliasData is of VersionAliasCreated and, without a version, VersionAliasDeleted.
	AliasData struct {
		Name    string `json:"name"`
		Alias   string `json:"alias"`
		Version string `json:"version,omitempty"`
	}
)

// Numbers finds the number of a version.
type Numbers interface {
	// VersionNumber is the number of a version, be it deleted; ErrNotFound if there is none of the name.
	VersionNumber(ctx context.Context, name, version string) (int64, error)
}

// Notices is what receivers are told of an event of the catalog; of most events nothing.
func Notices(ctx context.Context, numbers Numbers, e catalog.Event) ([]Notice, error) {
	rest, ok := strings.CutPrefix(e.Subject, "model/")
	if !ok {
		return nil, nil
	}
	name, version, _ := strings.Cut(rest, "/")
	switch e.Action {
	case catalog.ActionRegisteredModelCreated:
		var d change[catalog.RegisteredModel]
		if err := d.read(e); err != nil {
			return nil, err
		}
		return []Notice{modelCreated(name, d.After.Tags, d.After.Description)}, nil
	case catalog.ActionModelRegistered:
		return registered(e, name)
	case catalog.ActionModelDeleted:
		var d change[struct{ Aliases []string }]
		if err := d.read(e); err != nil {
			return nil, err
		}
		return unaliased(name, d.Before.Aliases), nil
	case catalog.ActionRegisteredModelDeleted:
		var d change[catalog.RegisteredModel]
		if err := d.read(e); err != nil {
			return nil, err
		}
		var gone []string
		for _, a := range d.Before.Aliases {
			gone = append(gone, a.Alias)
		}
		return unaliased(name, gone), nil
	case catalog.ActionModelDemoted:
		return unaliased(name, []string{catalog.AliasProduction}), nil
	case catalog.ActionModelUnaliased:
		var d change[catalog.Alias]
		if err := d.read(e); err != nil {
			return nil, err
		}
		return unaliased(name, []string{d.After.Alias}), nil
	}
	return ofVersion(ctx, numbers, e, name, version)
}

// ofVersion is what needs a version's number.
func ofVersion(ctx context.Context, numbers Numbers, e catalog.Event, name, version string) ([]Notice, error) {
	if !slices.Contains([]string{catalog.ActionModelPromoted, catalog.ActionModelAlias, catalog.ActionModelTagged, catalog.ActionModelUntagged}, e.Action) {
		return nil, nil
	}
	number := version // of a model that has another name since
	switch n, err := numbers.VersionNumber(ctx, name, version); {
	case err == nil:
		number = strconv.FormatInt(n, 10)
	case !errors.Is(err, catalog.ErrNotFound):
		return nil, err
	}
	if e.Action == catalog.ActionModelPromoted {
		return []Notice{{VersionAliasCreated, AliasData{Name: name, Alias: catalog.AliasProduction, Version: number}}}, nil
	}
	if e.Action == catalog.ActionModelAlias {
		var d change[catalog.Alias]
		if err := d.read(e); err != nil {
			return nil, err
		}
		return []Notice{{VersionAliasCreated, AliasData{Name: name, Alias: d.After.Alias, Version: number}}}, nil
	}
	var d change[catalog.TagMove]
	if err := d.read(e); err != nil {
		return nil, err
	}
	if e.Action == catalog.ActionModelUntagged {
		return []Notice{{VersionTagDeleted, TagData{Name: name, Version: number, Key: d.After.Key}}}, nil
	}
	return []Notice{{VersionTagSet, TagData{Name: name, Version: number, Key: d.After.Key, Value: &d.After.Value}}}, nil
}

// registered is a new version, and of a release's first one the model too.
func registered(e catalog.Event, name string) ([]Notice, error) {
	var d change[struct {
		Model   catalog.Model
		Existed bool
	}]
	if err := d.read(e); err != nil || d.After.Existed {
		return nil, err
	}
	m := d.After.Model
	source := m.Source
	if source == "" {
		source = m.Digest
	}
	made := Notice{VersionCreated, VersionData{
		Name: name, Version: strconv.FormatInt(m.Number, 10), Source: source, RunID: orNull(m.Run), Tags: orEmpty(m.Tags), Description: orNull(m.Description),
	}}
	if m.Release != "" && m.Number == 1 {
		return []Notice{modelCreated(name, nil, ""), made}, nil
	}
	return []Notice{made}, nil
}

func modelCreated(name string, tags map[string]string, description string) Notice {
	return Notice{RegisteredModelCreated, ModelData{Name: name, Tags: orEmpty(tags), Description: orNull(description)}}
}

func unaliased(name string, aliases []string) (notices []Notice) {
	for _, a := range aliases {
		notices = append(notices, Notice{VersionAliasDeleted, AliasData{Name: name, Alias: a}})
	}
	return notices
}

// change is the detail of an event.
type change[T any] struct {
	Before T `json:"before"`
	After  T `json:"after"`
}

func (c *change[T]) read(e catalog.Event) error {
	if err := json.Unmarshal(e.Detail, c); err != nil {
		return fmt.Errorf("read event %d: %w", e.ID, err)
	}
	return nil
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}

// Example is what a test delivery of an event carries; MLflow's own examples.
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
	}[event]
	if data == nil {
		return Notice{}, fmt.Errorf("%q is no event: want one of %s", event, strings.Join(Names(), ", "))
	}
	return Notice{event, data}, nil
}
