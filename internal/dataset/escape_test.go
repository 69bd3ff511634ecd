package dataset_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// Names, cells and reasons come from strangers: in a page they are text, in JUnit XML too.
func TestPagesEscape(t *testing.T) {
	t.Parallel()
	const evil = `</style></title><script>alert(1)</script><img src=x onerror="alert(1)">'"&`
	quoted := `"` + strings.ReplaceAll(evil, `"`, `""`) + `"`
	s := schema(t, `{columns: [{name: '`+strings.ReplaceAll(evil, "'", "''")+`', type: string, values: ['<b>'], reason: '<script>why</script>'}], extra: refuse}`)
	table := quoted + ",javascript:alert(2)\n" + quoted + ",1\n" + quoted + ",2\n"
	src := open(t, table, "t.csv", dataset.SourceOptions{})
	report, err := dataset.Check(t.Context(), src, s, dataset.CheckOptions{})
	require.NoError(t, err)
	require.False(t, report.Passed)
	report.Table = evil
	page, err := report.HTML()
	require.NoError(t, err)
	pages, err := dataset.Reports{report, report}.HTML()
	require.NoError(t, err)
	profile, err := dataset.ProfileOf(t.Context(), open(t, table, "t.csv", dataset.SourceOptions{}), dataset.ProfileOptions{})
	require.NoError(t, err)
	profile.Table = evil
	profiled, err := profile.HTML()
	require.NoError(t, err)
	for name, text := range map[string]string{"report": string(page), "reports": string(pages), "profile": string(profiled)} {
		require.NotContains(t, text, "<script", name)
		require.NotContains(t, text, "<img", name)
		require.NotContains(t, text, "<b>", name)
		require.Equal(t, 1, strings.Count(text, "</style>"), name)
		require.Contains(t, text, "&lt;script&gt;alert(1)", name)
		require.NotContains(t, text, `="javascript:`, name)
	}
	require.Contains(t, string(page), "&lt;script&gt;why")
	junit, err := report.JUnit()
	require.NoError(t, err)
	elements := map[string]bool{}
	for d := xml.NewDecoder(strings.NewReader(string(junit))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local] = true
		}
	}
	require.NotContains(t, elements, "script")
	require.NotContains(t, elements, "img")
	require.Contains(t, elements, "failure")
}
