package gateway

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

// Every metric that the dashboard reads is one that a gateway serves.
func TestTheDashboardReadsRealMetrics(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../../deploy/grafana/serving.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(file, &board))
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0", cached, func(c *ModelConfig) { c.Deployment.Resources = spec.Resources{"slot": 1} }))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	require.Equal(t, 200, g.post(t, map[string]any{"input": rows(t, "test.csv")[0]}).status)
	scrape := g.get(t, "/metrics").body["text"].(string)
	name := regexp.MustCompile(`\b(slipway|nv)_[a-z_]+`)
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			names := name.FindAllString(target.Expr, -1)
			require.NotEmpty(t, names, p.Title)
			for _, n := range names {
				require.True(t, strings.Contains(scrape, "\n"+n+"{") || strings.Contains(scrape, "\n"+n+" "), "%s reads %s", p.Title, n)
			}
		}
	}
}
