package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/stretchr/testify/require"
)

// tree is a data version in the repository; digits begin its digest.
func tree(name, digits string) catalog.DataVersion {
	return catalog.DataVersion{Name: name, Digest: "sha256:" + digits + strings.Repeat("0", 64-len(digits)), Tree: true, FileCount: 3, Bytes: 30}
}

func saved(t *testing.T, c *catalog.Catalog, d catalog.DataVersion) catalog.DataVersion {
	t.Helper()
	out, existed, err := c.SaveData(t.Context(), d, mark("save "+d.Digest+time.Now().String()))
	require.NoError(t, err)
	require.False(t, existed)
	return out
}

func TestDataReferences(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		one := saved(t, c, tree("credit", "1234567890"))
		two := saved(t, c, tree("credit", "12345678ff"))
		hex := saved(t, c, tree("abcdef0123", "99aabbccdd"))
		require.True(t, one.Tree)
		require.EqualValues(t, 3, one.FileCount)
		_, err := c.SetDataTag(ctx, one.Digest, "golden", 0, mark("tag"))
		require.NoError(t, err)
		_, err = c.SetDataTag(ctx, one.Digest, "1234567f", 0, mark("tag like a digest"))
		require.NoError(t, err)

		for ref, want := range map[string]string{
			"credit": two.Digest, "credit@1": one.Digest, "golden": one.Digest, one.Digest: one.Digest,
			"sha256:1234567890": one.Digest, "1234567890": one.Digest, "12345678ff": two.Digest, "99aabbcc": hex.Digest,
			"abcdef0123": hex.Digest, // a name comes before a digest
			"1234567f":   one.Digest, // and so does a tag
		} {
			found, err := c.Data(ctx, ref)
			require.NoError(t, err, ref)
			require.Equal(t, want, found.Digest, ref)
		}
		for _, ref := range []string{"1234567", "sha256:1234567", "12345679", "sha256:XYZ45678", "golden@1", "%", "sha256:", "silver"} {
			_, err := c.Data(ctx, ref)
			require.ErrorIs(t, err, catalog.ErrNotFound, ref)
		}
		_, err = c.Data(ctx, "12345678")
		require.ErrorIs(t, err, catalog.ErrInvalid)
		require.ErrorContains(t, err, two.Digest)
		found, err := c.Data(ctx, "golden")
		require.NoError(t, err)
		require.Equal(t, []string{"1234567f", "golden"}, found.Tags)
		list, err := c.ListData(ctx, catalog.DataFilter{Name: "credit", Limit: 1})
		require.NoError(t, err)
		require.Len(t, list, 1)
		_, _, err = c.SaveData(ctx, catalog.DataVersion{Name: "x", Digest: "sha256:77", Tree: true, Files: one.Files, FileCount: 1}, mark("x"))
		require.NoError(t, err)
		_, _, err = c.SaveData(ctx, catalog.DataVersion{Name: "x", Digest: "sha256:78", Tree: true, Files: data("", "").Files}, mark("y"))
		require.ErrorIs(t, err, catalog.ErrInvalid)
	})
}

func TestDataTags(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		one, two := saved(t, c, tree("credit", "01")), saved(t, c, tree("credit", "02"))
		tag, err := c.SetDataTag(ctx, one.Digest, "golden", 0, mark("1"))
		require.NoError(t, err)
		require.Equal(t, catalog.DataTag{Tag: "golden", Digest: one.Digest, Rev: 1}, tag)
		again, err := c.SetDataTag(ctx, one.Digest, "golden", 0, mark("1"))
		require.NoError(t, err)
		require.Equal(t, tag, again, "the first result")

		_, err = c.SetDataTag(ctx, two.Digest, "golden", 0, mark("2"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		tag, err = c.SetDataTag(ctx, two.Digest, "golden", 1, mark("3"))
		require.NoError(t, err)
		require.EqualValues(t, 2, tag.Rev)
		same, err := c.SetDataTag(ctx, two.Digest, "golden", 2, mark("4"))
		require.NoError(t, err)
		require.Equal(t, tag, same)
		log, err := c.DataHistory(ctx, two.Digest)
		require.NoError(t, err)
		require.Len(t, log, 2, "saved and tagged once")
		require.JSONEq(t, `"`+one.Digest+`"`, field(t, log[1], "before", "digest"))

		for _, bad := range []string{"", "a:b", "a@b", "a/b", "a\n"} {
			_, err = c.SetDataTag(ctx, one.Digest, bad, 0, mark("bad"))
			require.ErrorIs(t, err, catalog.ErrInvalid, bad)
		}
		_, err = c.SetDataTag(ctx, one.Digest, "credit", 0, mark("name"))
		require.ErrorIs(t, err, catalog.ErrConflict, "a tag is not a data name")
		_, _, err = c.SaveData(ctx, tree("golden", "03"), mark("golden"))
		require.ErrorIs(t, err, catalog.ErrConflict, "a data name is not a tag")
		_, err = c.SetDataTag(ctx, "sha256:00", "x", 0, mark("none"))
		require.ErrorIs(t, err, catalog.ErrNotFound)

		require.ErrorIs(t, c.RemoveDataTag(ctx, two.Digest, "golden", 1, mark("5")), catalog.ErrConflict)
		require.NoError(t, c.RemoveDataTag(ctx, two.Digest, "golden", 2, mark("6")))
		_, err = c.DataTag(ctx, "golden")
		require.ErrorIs(t, err, catalog.ErrNotFound)
		intact(t, c)
	})
}
