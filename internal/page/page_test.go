package page

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRenderEscapesAndFrames(t *testing.T) {
	t.Parallel()
	p, err := Parse("A <title>", `<h1>{{.}}</h1><p>{{num 0.25}} {{percent 0.5}}</p>`, nil)
	require.NoError(t, err)
	html, err := Render(p, "<script>alert(1)</script>")
	require.NoError(t, err)
	require.Contains(t, string(html), "<title>A &lt;title&gt;</title>")
	require.Contains(t, string(html), "<h1>&lt;script&gt;")
	require.Contains(t, string(html), "<p>0.25 50 %</p>")
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 1: "1", 12000: "12000", 0.1234: "0.123", 0.9996: "1", -12.00049: "-12", 100.5: "100.5", 0.00001: "1.00e-05", -2.5: "-2.5", 1e12: "1.00e+12"} {
		require.Equal(t, want, Number(v))
	}
}
