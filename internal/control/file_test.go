package control_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/control"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// A file of data goes into the chunks of the repository and becomes part of a version there.
func TestFileBecomesPartOfAVersion(t *testing.T) {
	t.Parallel()
	var data *dataversion.Library
	d := deploy(t, func(c *control.Config) { data = c.Data })
	var rows strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&rows, "%d,%d\n", i, i*i)
	}
	content := rows.String()
	digest := artifacts.DigestOf([]byte(content))
	there, err := d.client.HasFile(t.Context(), string(digest))
	require.NoError(t, err)
	require.False(t, there)
	require.NoError(t, d.client.PutFile(t.Context(), string(digest), int64(len(content)), strings.NewReader(content)))
	there, err = d.client.HasFile(t.Context(), string(digest))
	require.NoError(t, err)
	require.True(t, there)
	require.NoError(t, d.client.PutFile(t.Context(), string(digest), int64(len(content)), unreadable{}), "what is there is not read again")
	_, err = d.store.Stat(t.Context(), digest)
	require.ErrorIs(t, err, artifacts.ErrNotFound, "it is no blob of its own")

	saved, err := data.Assemble(t.Context(), dataversion.NewVersion{Name: "rows"},
		[]dataversion.Part{{Role: "train", Path: "in/rows.csv", Digest: digest, Size: int64(len(content))}}, "release/m/1@r", mark("fix"))
	require.NoError(t, err)
	found, err := d.client.Data(t.Context(), "rows@1", "rows.csv", "nothing.csv")
	require.NoError(t, err)
	require.Equal(t, saved.Digest, found.Digest)
	require.Equal(t, []controlclient.DataEntry{{Path: "rows.csv", Size: int64(len(content)), Digest: string(digest)}}, found.Entries)
	require.Equal(t, "release/m/1@r", found.Uses[0].Release)
	found, err = d.client.Data(t.Context(), "rows@1")
	require.NoError(t, err)
	require.Empty(t, found.Entries)
}

func TestFileIsRefused(t *testing.T) {
	t.Parallel()
	d := deploy(t, func(c *control.Config) { c.MaxUpload = 8 })
	digest := artifacts.DigestOf([]byte("right"))
	err := d.client.PutFile(t.Context(), string(digest), 5, strings.NewReader("wrong"))
	require.ErrorContains(t, err, "does not match")
	there, err := d.client.HasFile(t.Context(), string(digest))
	require.NoError(t, err)
	require.False(t, there)
	big := "more than eight bytes"
	digest = artifacts.DigestOf([]byte(big))
	err = d.client.PutFile(t.Context(), string(digest), int64(len(big)), strings.NewReader(big))
	require.ErrorContains(t, err, "at most 8")
	require.ErrorContains(t, err, "slipway data add")
	err = d.client.PutFile(t.Context(), string(digest), -1, io.MultiReader(strings.NewReader(big)))
	require.ErrorContains(t, err, "more than 8 bytes")
	for _, method := range []string{http.MethodHead, http.MethodPut} {
		answer, _ := d.do(method, "/api/v1/files/sha256:short", "")
		require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	}
	answer, text := d.do(http.MethodGet, "/api/v1/data/x?paths=y", "")
	require.Equal(t, http.StatusBadRequest, answer.StatusCode, text)
}

// JUnit XML is a report too, and only that: other XML could be a page with scripts.
func TestReportAsJUnit(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	for text, kind := range map[string]string{
		"<?xml version=\"1.0\"?>\n<testsuites/>":               "application/xml",
		`<?xml version="1.0"?><html xmlns="http://w3"></html>`: "",
	} {
		ref, err := d.store.PutBytes(t.Context(), []byte(text), "")
		require.NoError(t, err)
		answer, body := d.do(http.MethodGet, "/reports/"+string(ref.Digest), "")
		if kind == "" {
			require.Equal(t, http.StatusUnsupportedMediaType, answer.StatusCode)
			continue
		}
		require.Equal(t, text, body)
		require.Equal(t, kind, answer.Header.Get("Content-Type"))
		require.Contains(t, answer.Header.Get("Content-Security-Policy"), "sandbox")
	}
}
