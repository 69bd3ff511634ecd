package control_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func TestPages(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	page, report, _ := d.fill()

	answer, home := d.do("GET", "/", "")
	require.Equal(t, 200, answer.StatusCode)
	require.Contains(t, answer.Header.Get("Content-Type"), "text/html")
	require.Contains(t, answer.Header.Get("Content-Security-Policy"), "default-src 'none'")
	for _, want := range []string{"In production", `href="/releases/credit/1.0.0"`, "running", "http://127.0.0.1:1", `http-equiv="refresh"`} {
		require.Contains(t, home, want)
	}
	answer, release := d.do("GET", "/releases/credit/1.0.0", "")
	require.Equal(t, 200, answer.StatusCode)
	for _, want := range []string{
		"it serves", "all &lt;b&gt;good&lt;/b&gt;", `href="/reports/` + page, `href="/reports/` + report, "2s", "pending", "no drift", "release.ended.production",
		`href="http://127.0.0.1:8233/namespaces/default/workflows/release%2Fcredit%2F1.0.0"`,
	} {
		require.Contains(t, release, want)
	}
	require.NotContains(t, release, "http-equiv=\"refresh\"")
	for _, text := range []string{home, release} {
		require.NotContains(t, text, "<script")
		require.NotContains(t, text, "ZgotmplZ")
		require.Contains(t, text, "prefers-color-scheme: dark")
		require.Contains(t, text, "width=device-width")
	}
}

func TestPagesOfAnEmptyCatalog(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	answer, home := d.do("GET", "/", "")
	require.Equal(t, 200, answer.StatusCode)
	require.Contains(t, home, "slipway release start")
	require.Contains(t, home, "No gateway answers")
}

func TestPageEscapesWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	_, err := d.catalog.BeginRelease(t.Context(), catalog.Release{Model: "m", Version: "1", Run: "r", WorkflowID: "javascript:alert(1)", RequestedBy: "<script>x</script>", Candidate: "c"},
		catalog.Mark{Key: "k", Actor: "a"})
	require.NoError(t, err)
	_, text := d.do("GET", "/releases/m/1", "")
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, `href="javascript:`)
}

func TestReports(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	page, report, _ := d.fill()
	answer, text := d.do("GET", "/reports/"+page, "")
	require.Equal(t, "text/html; charset=utf-8", answer.Header.Get("Content-Type"))
	require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	policy := answer.Header.Get("Content-Security-Policy")
	for _, rule := range []string{"default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "sandbox"} {
		require.Contains(t, policy, rule)
	}
	require.True(t, strings.HasPrefix(text, "<!doctype html>"))
	answer, _ = d.do("GET", "/reports/"+report, "")
	require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
	card, err := d.store.PutBytes(t.Context(), []byte("---\nlibrary_name: onnx\n---\n# Model card\n"), "text/markdown")
	require.NoError(t, err)
	answer, text = d.do("GET", "/reports/"+string(card.Digest), "")
	require.Equal(t, "text/plain; charset=utf-8", answer.Header.Get("Content-Type"))
	require.Contains(t, text, "# Model card")
	// Data is not shown as a report.
	ref, err := d.store.PutBytes(t.Context(), []byte("age,sex\n35,f\n"), "text/csv")
	require.NoError(t, err)
	answer, text = d.do("GET", "/reports/"+string(ref.Digest), "")
	require.Equal(t, 415, answer.StatusCode)
	require.NotContains(t, text, "35")
}
