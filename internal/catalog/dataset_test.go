package catalog_test

import (
	"fmt"
	"testing"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/stretchr/testify/require"
)

func data(name, digest string) catalog.DataVersion {
	return catalog.DataVersion{Name: name, Digest: "sha256:" + digest, Description: "the <data>", Files: []catalog.DataFile{
		{Path: "train.csv", Role: "train", Digest: "sha256:01", Size: 10},
		{Path: "train.csv", Role: "reference", Digest: "sha256:01", Size: 10},
		{Path: "a/test.csv", Role: "test", Digest: "sha256:02", Size: 5},
	}}
}

func TestSaveData(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		first, existed, err := c.SaveData(ctx, data("credit", "aa"), mark("1"))
		require.NoError(t, err)
		require.False(t, existed)
		require.Equal(t, int64(1), first.Version)
		require.Equal(t, int64(25), first.Bytes)
		require.Equal(t, "ann", first.Actor)
		require.Equal(t, data("", "").Files, first.Files)

		again, existed, err := c.SaveData(ctx, data("credit", "aa"), mark("1"))
		require.NoError(t, err)
		require.False(t, existed, "the first save's result")
		require.Equal(t, first, again)
		require.Len(t, events(t, c), 1)

		same, existed, err := c.SaveData(ctx, data("another name", "aa"), mark("2"))
		require.NoError(t, err)
		require.True(t, existed)
		require.Equal(t, first, same)

		second, _, err := c.SaveData(ctx, data("credit", "bb"), mark("3"))
		require.NoError(t, err)
		require.Equal(t, int64(2), second.Version)
		other, _, err := c.SaveData(ctx, data("other", "cc"), mark("4"))
		require.NoError(t, err)
		require.Equal(t, int64(1), other.Version)

		for ref, want := range map[string]catalog.DataVersion{"sha256:aa": first, "credit": second, "credit@1": first, "credit@2": second, "other": other} {
			got, err := c.Data(ctx, ref)
			require.NoError(t, err, ref)
			require.Equal(t, want, got, ref)
		}
		for _, ref := range []string{"sha256:00", "credit@3", "another name", "", "credit@99999999999"} {
			_, err := c.Data(ctx, ref)
			require.ErrorIs(t, err, catalog.ErrNotFound, ref)
		}
		_, err = c.Data(ctx, "credit@x")
		require.ErrorIs(t, err, catalog.ErrInvalid)
		list, err := c.DataVersions(ctx, "credit")
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, int64(2), list[0].Version)
		require.Empty(t, list[0].Files)
		list, err = c.DataVersions(ctx, "")
		require.NoError(t, err)
		require.Len(t, list, 3)

		numbered, atSign, noDigest := data("credit", "dd"), data("credit@1", "dd"), data("credit", "dd")
		numbered.Version, noDigest.Digest = 3, "dd"
		for _, bad := range []catalog.DataVersion{numbered, atSign, noDigest, data("", "dd"), data("a:b", "dd"), data("a\n", "dd")} {
			_, _, err := c.SaveData(ctx, bad, mark(fmt.Sprint("bad", bad.Name)))
			require.ErrorIs(t, err, catalog.ErrInvalid)
		}
		intact(t, c)
	})
}

func TestSaveDataWithManyFiles(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		big := catalog.DataVersion{Name: "big", Digest: "sha256:ff"}
		for i := range 3001 {
			big.Files = append(big.Files, catalog.DataFile{Path: fmt.Sprint(i), Role: "train", Digest: "sha256:01", Size: 1})
		}
		saved, _, err := c.SaveData(t.Context(), big, mark("1"))
		require.NoError(t, err)
		require.Equal(t, big.Files, saved.Files)
		require.Equal(t, int64(3001), saved.Bytes)
	})
}

func TestDataLineage(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		require.ErrorIs(t, c.LinkData(ctx, "sha256:aa", "m/1/2", ""), catalog.ErrNotFound)
		_, _, err := c.SaveData(ctx, data("credit", "aa"), mark("1"))
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, c.LinkData(ctx, "sha256:aa", "m/1/2", "release/m/1@run"))
		}
		require.NoError(t, c.LinkData(ctx, "sha256:aa", "", "release/m/2@run"))
		require.ErrorIs(t, c.LinkData(ctx, "sha256:aa", "", ""), catalog.ErrInvalid)
		uses, err := c.DataUses(ctx, "sha256:aa")
		require.NoError(t, err)
		require.Len(t, uses, 2)
		require.Equal(t, "m/1/2", uses[0].ModelID)
		require.Equal(t, "release/m/2@run", uses[1].Release)
		require.False(t, uses[0].At.IsZero())

		// The model of a release takes the place of the release's own use.
		for range 2 {
			require.NoError(t, c.LinkData(ctx, "sha256:aa", "m/2/3", "release/m/2@run"))
		}
		uses, err = c.DataUses(ctx, "sha256:aa")
		require.NoError(t, err)
		require.Len(t, uses, 2)
		require.Equal(t, "m/2/3", uses[1].ModelID)
	})
}

// A release uses its data from the moment on that it is saved or found.
func TestReleaseUsesData(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		begin := func(version string) string {
			_, err := c.BeginRelease(ctx, catalog.Release{Model: "m", Version: version, Run: "run"}, mark("begin "+version))
			require.NoError(t, err)
			return "release/m/" + version + "@run"
		}
		first := begin("1")
		for range 2 {
			saved, _, err := c.SaveDataFor(ctx, tree("credit", "01"), first, mark("save"))
			require.NoError(t, err)
			require.Equal(t, "credit@1", saved.Label())
		}
		digest := tree("credit", "01").Digest
		_, err := c.DeleteData(ctx, digest, 0, mark("rm 1"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		require.NoError(t, c.FinishRelease(ctx, "m", "1", "run", "failed", "x", mark("finish 1")))

		second := begin("2")
		for range 2 {
			used, err := c.UseData(ctx, "credit", second, mark("use"))
			require.NoError(t, err)
			require.Equal(t, digest, used.Digest)
		}
		_, err = c.DeleteData(ctx, digest, 0, mark("rm 2"))
		require.ErrorContains(t, err, "release of m/2, which is under way")
		require.NoError(t, c.AbandonRelease(ctx, catalog.Release{Model: "m", Version: "2", Run: "run"}, "died", mark("abandon")))
		_, err = c.DeleteData(ctx, digest, 0, mark("rm 3"))
		require.NoError(t, err)

		third := begin("3")
		_, err = c.UseData(ctx, "credit@1", third, mark("use 3"))
		require.ErrorIs(t, err, catalog.ErrConflict, "it is deleted")
		_, err = c.UseData(ctx, "nothing", third, mark("use 3"))
		require.ErrorIs(t, err, catalog.ErrNotFound)
		_, err = c.UseData(ctx, "credit@1", "", mark("use 3"))
		require.ErrorIs(t, err, catalog.ErrInvalid)
		_, _, err = c.SaveDataFor(ctx, tree("credit", "01"), "", mark("save 3"))
		require.ErrorIs(t, err, catalog.ErrInvalid)
		saved, existed, err := c.SaveDataFor(ctx, tree("other", "01"), third, mark("save 3"))
		require.NoError(t, err)
		require.True(t, existed)
		require.True(t, saved.DeletedAt.IsZero(), "a release that has the files brings the version back")
		uses, err := c.DataUses(ctx, digest)
		require.NoError(t, err)
		require.Len(t, uses, 3, "who used the data stays on record")
		log, err := c.DataHistory(ctx, digest)
		require.NoError(t, err)
		require.Equal(t, catalog.ActionDataUsed, log[1].Action)
		intact(t, c)
	})
}
