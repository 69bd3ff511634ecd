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
	})
}
