package webhook_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/webhook"
)

// Every move of the registry has its notices, and every event that is named is sent.
func TestEveryMoveIsToldOf(t *testing.T) {
	t.Parallel()
	c := catalogtest.SQLite(t)
	ctx, seen, sent := t.Context(), int64(0), map[string]bool{}
	told := func(does func() error) (out []string) {
		t.Helper()
		require.NoError(t, does())
		events, err := c.Events(ctx, catalog.EventFilter{AfterID: seen})
		require.NoError(t, err)
		for _, e := range events {
			seen = e.ID
			notices, err := webhook.Notices(ctx, c, e)
			require.NoError(t, err)
			for _, n := range notices {
				text, err := json.Marshal(n.Data)
				require.NoError(t, err)
				out, sent[n.Event] = append(out, n.Event+" "+string(text)), true
			}
		}
		return out
	}
	as := func(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "ann", Reason: "why"} }
	only := func(_ any, err error) error { return err }

	require.Equal(t, []string{`registered_model.created {"name":"m","tags":{"a":"b"},"description":null}`}, told(func() error {
		return only(c.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: "m", Tags: map[string]string{"a": "b"}}, as("1")))
	}))
	require.Equal(t, []string{`registered_model.updated {"name":"m","description":"text"}`}, told(func() error { return only(c.DescribeRegisteredModel(ctx, "m", "text", as("2"))) }))
	require.Equal(t, []string{`registered_model_tag.set {"name":"m","key":"k","value":"v"}`}, told(func() error { return c.TagRegisteredModel(ctx, "m", catalog.Tag{Key: "k", Value: "v"}, as("3")) }))
	require.Equal(t, []string{`registered_model_tag.deleted {"name":"m","key":"k"}`}, told(func() error { return c.UntagRegisteredModel(ctx, "m", "k", as("4")) }))
	for i, n := range []string{"1", "2"} {
		require.Equal(t, []string{`model_version.created {"name":"m","version":"` + n + `","source":"s3://x","run_id":null,"tags":{},"description":null}`}, told(func() error {
			return only(c.CreateVersion(ctx, catalog.Model{Name: "m", Source: "s3://x"}, as("5"+string(rune('a'+i)))))
		}))
	}
	require.Equal(t, []string{`model_version.updated {"name":"m","version":"1","description":""}`}, told(func() error { return only(c.DescribeVersion(ctx, "m", "1", "", as("6"))) }))
	require.Equal(t, []string{`model_version_tag.set {"name":"m","version":"1","key":"k","value":""}`}, told(func() error { return c.TagVersion(ctx, "m", "1", catalog.Tag{Key: "k"}, as("7")) }))
	require.Equal(t, []string{`model_version_tag.deleted {"name":"m","version":"1","key":"k"}`}, told(func() error { return c.UntagVersion(ctx, "m", "1", "k", as("8")) }))
	require.Equal(t, []string{`model_version_stage.updated {"name":"m","version":"1","from":"none","to":"staging","actor":"ann","reason":"why"}`}, told(func() error {
		return only(c.SetStage(ctx, "m", "1", catalog.StageStaging, as("9")))
	}))
	require.Equal(t, []string{
		`model_version_alias.created {"name":"m","alias":"production","version":"1"}`,
		`model_version_stage.updated {"name":"m","version":"1","to":"production","actor":"ann","reason":"why"}`,
	}, told(func() error { return only(c.PromoteModel(ctx, catalog.Promotion{Name: "m", Version: "1"}, as("10"))) }))
	require.Equal(t, []string{
		`model_version_alias.created {"name":"m","alias":"production","version":"2"}`,
		`model_version_stage.updated {"name":"m","version":"2","to":"production","actor":"ann","reason":"why"}`,
		`model_version_stage.updated {"name":"m","version":"1","from":"production","to":"archived","actor":"ann","reason":"why"}`,
	}, told(func() error { return only(c.PromoteModel(ctx, catalog.Promotion{Name: "m", Version: "2"}, as("11"))) }))
	require.Equal(t, []string{
		`model_version_alias.deleted {"name":"m","alias":"production"}`,
		`model_version_stage.updated {"name":"m","version":"2","from":"production","to":"rejected","actor":"ann","reason":"why"}`,
	}, told(func() error { return only(c.DemoteModel(ctx, "m", "2", catalog.StageRejected, as("12"))) }))
	require.Equal(t, []string{`model_version_alias.created {"name":"m","alias":"best","version":"1"}`}, told(func() error {
		return only(c.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "best", Version: "1"}, as("13")))
	}))
	require.Equal(t, []string{`model_version_alias.deleted {"name":"m","alias":"best"}`}, told(func() error {
		return only(c.RemoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "best"}, as("14")))
	}))
	require.Equal(t, []string{`model_version.deleted {"name":"m","version":"1"}`}, told(func() error { return c.DeleteVersion(ctx, "m", "1", as("15")) }))
	require.Equal(t, []string{`registered_model.renamed {"name":"n","old_name":"m"}`}, told(func() error { return only(c.RenameRegisteredModel(ctx, "m", "n", as("16"))) }))
	require.Equal(t, []string{`registered_model.deleted {"name":"n"}`}, told(func() error { return c.DeleteRegisteredModel(ctx, "n", as("17")) }))
	for _, name := range webhook.Names() {
		require.True(t, sent[name], name)
		example, err := webhook.Example(name)
		require.NoError(t, err)
		require.Equal(t, name, example.Event)
	}

	// A release's first version is a new model too; one that comes back leaves its stage.
	register := func(key string) func() error {
		return func() error {
			_, _, err := c.RegisterModel(ctx, catalog.Model{Name: "r", Version: "1.0.0", Digest: "sha256:00", Release: "release/r/1.0.0@x"}, nil, as(key))
			return err
		}
	}
	require.Equal(t, []string{
		`registered_model.created {"name":"r","tags":{},"description":null}`,
		`model_version.created {"name":"r","version":"1","source":"sha256:00","run_id":null,"tags":{},"description":null}`,
	}, told(register("18")))
	require.Len(t, told(func() error { return only(c.SetStage(ctx, "r", "1.0.0", catalog.StageRejected, as("19"))) }), 1)
	require.Equal(t, []string{`model_version_stage.updated {"name":"r","version":"1","from":"rejected","to":"staging","actor":"ann","reason":"why"}`}, told(register("20")))
}
