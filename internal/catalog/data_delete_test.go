package catalog_test

import (
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/stretchr/testify/require"
)

func roots(t *testing.T, c *catalog.Catalog) []string {
	t.Helper()
	out := []string{}
	for digest, err := range c.DataRoots(t.Context()) {
		require.NoError(t, err)
		out = append(out, digest)
	}
	return out
}

func TestDeleteData(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		one, two := saved(t, c, tree("credit", "01")), saved(t, c, tree("credit", "02"))
		gone, err := c.DeleteData(ctx, two.Digest, time.Hour, mark("1"))
		require.NoError(t, err)
		require.Equal(t, gone.DeletedAt.Add(time.Hour), gone.KeepUntil)
		again, err := c.DeleteData(ctx, two.Digest, 0, mark("2"))
		require.NoError(t, err)
		require.Equal(t, gone.KeepUntil, again.KeepUntil, "a second deletion does not shorten the retention")
		_, err = c.DeleteData(ctx, one.Digest, -1, mark("3"))
		require.ErrorIs(t, err, catalog.ErrInvalid)

		found, err := c.Data(ctx, "credit")
		require.NoError(t, err)
		require.Equal(t, one.Digest, found.Digest, "the latest that is not deleted")
		found, err = c.Data(ctx, "credit@2")
		require.NoError(t, err)
		require.False(t, found.DeletedAt.IsZero())
		list, err := c.DataVersions(ctx, "")
		require.NoError(t, err)
		require.Len(t, list, 1)
		list, err = c.ListData(ctx, catalog.DataFilter{Deleted: true})
		require.NoError(t, err)
		require.Len(t, list, 2)
		_, err = c.SetDataTag(ctx, two.Digest, "golden", 0, mark("tag"))
		require.ErrorIs(t, err, catalog.ErrConflict)

		back, err := c.RestoreData(ctx, two.Digest, mark("4"))
		require.NoError(t, err)
		require.True(t, back.DeletedAt.IsZero())
		require.True(t, back.KeepUntil.IsZero())
		_, err = c.SetDataTag(ctx, two.Digest, "golden", 0, mark("tag"))
		require.NoError(t, err)
		_, err = c.DeleteData(ctx, two.Digest, time.Hour, mark("5"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		require.ErrorContains(t, err, "golden")
		log, err := c.DataHistory(ctx, two.Digest)
		require.NoError(t, err)
		actions := make([]string, 0, len(log))
		for _, e := range log {
			actions = append(actions, e.Action)
		}
		require.Equal(t, []string{"data.saved", "data.deleted", "data.restored", "data.tagged"}, actions)
		intact(t, c)
	})
}

func TestLegalHold(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		d := saved(t, c, tree("credit", "01"))
		_, err := c.HoldData(ctx, d.Digest, catalog.Mark{Key: "1", Actor: "ann"})
		require.ErrorIs(t, err, catalog.ErrInvalid, "a hold has a reason")
		held, err := c.HoldData(ctx, d.Digest, catalog.Mark{Key: "2", Actor: "ann", Reason: "case 17"})
		require.NoError(t, err)
		require.Equal(t, "case 17", held.Hold)
		_, err = c.DeleteData(ctx, d.Digest, 0, mark("3"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		require.ErrorContains(t, err, "case 17")
		_, err = c.ReleaseData(ctx, d.Digest, mark("4"))
		require.NoError(t, err)
		_, err = c.DeleteData(ctx, d.Digest, 0, mark("5"))
		require.NoError(t, err)
		_, err = c.HoldData(ctx, d.Digest, catalog.Mark{Key: "6", Actor: "ann", Reason: "case 18"})
		require.NoError(t, err)
		expired, err := c.ExpiredData(ctx)
		require.NoError(t, err)
		require.Empty(t, expired, "a hold keeps what is deleted already")
		intact(t, c)
	})
}

func TestDataInUseIsKept(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		d := saved(t, c, tree("credit", "01"))
		key := "release/m/1@run"
		_, err := c.BeginRelease(ctx, catalog.Release{Model: "m", Version: "1", Run: "run"}, mark("begin"))
		require.NoError(t, err)
		m := model("m", "1")
		m.DataDigest = d.Digest
		registered, _, err := c.RegisterModel(ctx, m, nil, mark("register"))
		require.NoError(t, err)
		require.NoError(t, c.LinkData(ctx, d.Digest, registered.ID, key))
		_, err = c.DeleteData(ctx, d.Digest, 0, mark("1"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		require.ErrorContains(t, err, "under way")

		route, err := c.StageCanary(ctx, "m", "1", m.Digest, key, mark("stage"))
		require.NoError(t, err)
		_, err = c.PromoteCanary(ctx, "m", key, route.Rev, mark("promote"))
		require.NoError(t, err)
		require.NoError(t, c.FinishRelease(ctx, "m", "1", "run", "production", "", mark("finish")))
		_, err = c.DeleteData(ctx, d.Digest, 0, mark("2"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		require.ErrorContains(t, err, "model m/1, which is in production")

		// What an archived model was made from can be deleted, and its content stays.
		require.NoError(t, releaseOnce(ctx, c, "m", "2"))
		_, err = c.DeleteData(ctx, d.Digest, 0, mark("3"))
		require.NoError(t, err)
		expired, err := c.ExpiredData(ctx)
		require.NoError(t, err)
		require.Empty(t, expired)
		_, err = c.SetStage(ctx, "m", "1", catalog.StageRejected, mark("reject"))
		require.NoError(t, err)
		expired, err = c.ExpiredData(ctx)
		require.NoError(t, err)
		require.Len(t, expired, 1)
	})
}

func TestCollectData(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		kept, young, old := saved(t, c, tree("a", "01")), saved(t, c, tree("a", "02")), saved(t, c, tree("a", "03"))
		saved(t, c, data("files", "aa")) // not of the repository
		require.Equal(t, []string{kept.Digest, young.Digest, old.Digest}, roots(t, c))
		for digest, keep := range map[string]time.Duration{young.Digest: time.Hour, old.Digest: 0, "sha256:aa": 0} {
			_, err := c.DeleteData(ctx, digest, keep, mark("delete "+digest))
			require.NoError(t, err)
		}
		expired, err := c.ExpiredData(ctx)
		require.NoError(t, err)
		require.Len(t, expired, 1)
		require.Len(t, roots(t, c), 3, "until it is collected it can be restored")
		for _, d := range []catalog.DataVersion{kept, young} {
			now, err := c.CollectData(ctx, d.Digest, mark("collect "+d.Digest))
			require.NoError(t, err)
			require.True(t, now.CollectedAt.IsZero())
		}
		for range 2 {
			now, err := c.CollectData(ctx, old.Digest, mark("collect old"))
			require.NoError(t, err)
			require.False(t, now.CollectedAt.IsZero())
		}
		require.Equal(t, []string{kept.Digest, young.Digest}, roots(t, c))
		_, err = c.RestoreData(ctx, old.Digest, mark("restore"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		_, err = c.HoldData(ctx, old.Digest, mark("hold"))
		require.ErrorIs(t, err, catalog.ErrConflict)

		again, existed, err := c.SaveData(ctx, tree("other", "03"), mark("again"))
		require.NoError(t, err)
		require.True(t, existed)
		require.Equal(t, "a@3", again.Label())
		require.True(t, again.DeletedAt.IsZero())
		require.Equal(t, []string{kept.Digest, young.Digest, old.Digest}, roots(t, c))
		intact(t, c)
	})
}

func TestDataRootsArePaged(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		const many = 1001
		for i := range many {
			_, _, err := c.SaveData(t.Context(), catalog.DataVersion{Name: "many", Digest: "sha256:" + string(rune('a'+i%26)) + time.Now().Format("150405.000000000"), Tree: true, FileCount: 1}, mark(time.Now().String()))
			require.NoError(t, err)
		}
		found := roots(t, c)
		require.Len(t, found, many)
		require.IsIncreasing(t, found)
		for range c.DataRoots(t.Context()) {
			break
		}
	})
}
