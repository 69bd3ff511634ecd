package brokenmodel_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/onnx/brokenmodel"
)

func TestAllIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	models := brokenmodel.All()
	require.GreaterOrEqual(t, len(models), 200)
	require.Equal(t, models, brokenmodel.All())
	names, contents := map[string]bool{}, map[string]string{}
	for _, m := range models {
		require.Regexp(t, regexp.MustCompile(`^[a-z0-9-]+$`), m.Name)
		require.False(t, names[m.Name], m.Name)
		require.Empty(t, contents[string(m.Bytes)], "%s is the same file as another", m.Name)
		names[m.Name], contents[string(m.Bytes)] = true, m.Name
		require.NotEqual(t, brokenmodel.Sound(), m.Bytes, m.Name)
	}
}

func TestSoundIsSound(t *testing.T) {
	t.Parallel()
	g, err := onnx.ReadGraph(brokenmodel.Sound())
	require.NoError(t, err)
	require.Equal(t, int64(23), g.ParameterCount())
	require.Equal(t, int64(8), g.IRVersion)
	require.Len(t, g.Nodes, 5)
}
