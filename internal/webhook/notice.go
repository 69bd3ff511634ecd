package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// Numbers finds the number of a version.
type Numbers interface {
	// VersionNumber is the number of a version, be it deleted; ErrNotFound if there is none of the name.
	VersionNumber(ctx context.Context, name, version string) (int64, error)
}

// telling is an event whose notices are made.
type telling struct {
	numbers       Numbers
	event         catalog.Event
	name, version string
}

// Notices is what receivers are told of an event of the catalog; of some events
// nothing. The place of a notice in the list is part of its delivery id: notices are
// added at the end only.
func Notices(ctx context.Context, numbers Numbers, e catalog.Event) ([]Notice, error) {
	rest, ok := strings.CutPrefix(e.Subject, "model/")
	if !ok {
		return nil, nil
	}
	t := telling{numbers: numbers, event: e}
	t.name, t.version, _ = strings.Cut(rest, "/")
	tell := map[string]func(context.Context) ([]Notice, error){
		catalog.ActionRegisteredModelCreated: t.created, catalog.ActionRegisteredModelUpdated: t.updated, catalog.ActionRegisteredModelRenamed: t.renamed,
		catalog.ActionRegisteredModelDeleted: t.modelDeleted, catalog.ActionRegisteredModelTagged: t.tagged, catalog.ActionRegisteredModelUntagged: t.tagged,
		catalog.ActionModelRegistered: t.registered, catalog.ActionModelUpdated: t.updated, catalog.ActionModelDeleted: t.versionDeleted,
		catalog.ActionModelTagged: t.tagged, catalog.ActionModelUntagged: t.tagged, catalog.ActionModelAlias: t.aliased, catalog.ActionModelUnaliased: t.unaliased,
		catalog.ActionModelStage: t.staged, catalog.ActionModelDemoted: t.demoted, catalog.ActionModelPromoted: t.promoted,
	}[e.Action]
	if tell == nil {
		return nil, nil
	}
	return tell(ctx)
}

// number is the number of a version, as text; of a model that has another name since, the version.
func (t telling) number(ctx context.Context, version string) (string, error) {
	if version == "" {
		return "", nil
	}
	n, err := t.numbers.VersionNumber(ctx, t.name, version)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return version, nil
	case err != nil:
		return "", err
	}
	return strconv.FormatInt(n, 10), nil
}

func (t telling) created(context.Context) ([]Notice, error) {
	d, err := read[catalog.RegisteredModel](t.event)
	return []Notice{modelCreated(t.name, d.After.Tags, d.After.Description)}, err
}

func modelCreated(name string, tags map[string]string, description string) Notice {
	if tags == nil {
		tags = map[string]string{}
	}
	return Notice{RegisteredModelCreated, ModelData{Name: name, Tags: tags, Description: orNull(description)}}
}

// registered is a new version, and of a release's first one the model too; or one that a release brings back.
func (t telling) registered(context.Context) ([]Notice, error) {
	d, err := read[struct {
		Model   catalog.Model
		Existed bool
	}](t.event)
	if err != nil {
		return nil, err
	}
	m := d.After.Model
	if d.After.Existed {
		before, err := read[catalog.Model](t.event)
		if err != nil || before.Before.Stage == "" || before.Before.Stage == m.Stage {
			return nil, err
		}
		return []Notice{t.stage(strconv.FormatInt(m.Number, 10), before.Before.Stage, m.Stage)}, nil
	}
	source, tags := m.Source, m.Tags
	if source == "" {
		source = m.Digest
	}
	if tags == nil {
		tags = map[string]string{}
	}
	made := Notice{VersionCreated, VersionData{
		Name: t.name, Version: strconv.FormatInt(m.Number, 10), Source: source, RunID: orNull(m.Run), Tags: tags, Description: orNull(m.Description),
	}}
	if m.Release != "" && m.Number == 1 {
		return []Notice{modelCreated(t.name, nil, ""), made}, nil
	}
	return []Notice{made}, nil
}

// updated is a new description, of a model or of a version.
func (t telling) updated(ctx context.Context) ([]Notice, error) {
	d, err := read[struct{ Description string }](t.event)
	if err != nil {
		return nil, err
	}
	event := RegisteredModelUpdated
	if t.version != "" {
		event = VersionUpdated
	}
	number, err := t.number(ctx, t.version)
	return []Notice{{event, ChangeData{Name: t.name, Version: number, Description: &d.After.Description}}}, err
}

func (t telling) renamed(context.Context) ([]Notice, error) {
	d, err := read[struct{ Name string }](t.event)
	return []Notice{{RegisteredModelRenamed, RenameData{Name: t.name, OldName: d.Before.Name}}}, err
}

func (t telling) modelDeleted(context.Context) ([]Notice, error) {
	d, err := read[catalog.RegisteredModel](t.event)
	var out []Notice
	for _, a := range d.Before.Aliases {
		out = append(out, t.withoutAlias(a.Alias))
	}
	return append(out, Notice{RegisteredModelDeleted, ChangeData{Name: t.name}}), err
}

func (t telling) versionDeleted(ctx context.Context) ([]Notice, error) {
	d, err := read[struct{ Aliases []string }](t.event)
	if err != nil {
		return nil, err
	}
	var out []Notice
	for _, a := range d.Before.Aliases {
		out = append(out, t.withoutAlias(a))
	}
	number, err := t.number(ctx, t.version)
	return append(out, Notice{VersionDeleted, ChangeData{Name: t.name, Version: number}}), err
}

// tagged is a tag that was set or taken away, of a model or of a version.
func (t telling) tagged(ctx context.Context) ([]Notice, error) {
	d, err := read[catalog.TagMove](t.event)
	if err != nil {
		return nil, err
	}
	number, err := t.number(ctx, t.version)
	data := TagData{Name: t.name, Version: number, Key: d.After.Key, Value: &d.After.Value}
	event := map[string]string{
		catalog.ActionModelTagged: VersionTagSet, catalog.ActionModelUntagged: VersionTagDeleted,
		catalog.ActionRegisteredModelTagged: RegisteredModelTagSet, catalog.ActionRegisteredModelUntagged: RegisteredModelTagDeleted,
	}[t.event.Action]
	if event == VersionTagDeleted || event == RegisteredModelTagDeleted {
		data.Value = nil
	}
	return []Notice{{event, data}}, err
}

func (t telling) aliased(ctx context.Context) ([]Notice, error) {
	d, err := read[catalog.Alias](t.event)
	if err != nil {
		return nil, err
	}
	number, err := t.number(ctx, t.version)
	return []Notice{{VersionAliasCreated, AliasData{Name: t.name, Alias: d.After.Alias, Version: number}}}, err
}

func (t telling) unaliased(context.Context) ([]Notice, error) {
	d, err := read[catalog.Alias](t.event)
	return []Notice{t.withoutAlias(d.After.Alias)}, err
}

func (t telling) withoutAlias(alias string) Notice {
	return Notice{VersionAliasDeleted, AliasData{Name: t.name, Alias: alias}}
}

// change is the detail of an event.
type change[T any] struct {
	Before T `json:"before"`
	After  T `json:"after"`
}

func read[T any](e catalog.Event) (change[T], error) {
	var c change[T]
	if err := json.Unmarshal(e.Detail, &c); err != nil {
		return c, fmt.Errorf("read event %d: %w", e.ID, err)
	}
	return c, nil
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
