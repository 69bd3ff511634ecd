package catalog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
)

// An attempt does not begin with what was read while another was under way: it would not know what that has sent.
func TestAttemptsOfAMirrorKnowOfEachOther(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		c, ctx := open(), t.Context()
		_, err := c.StartMirror(ctx, "https://mlflow.example.org", catalog.Mark{Key: "start", Actor: "ann"})
		require.NoError(t, err)
		_, err = c.CreateRun(ctx, catalog.Run{UID: "one"})
		require.NoError(t, err)
		due := func() catalog.MirrorRun {
			runs, err := c.DueMirrorRuns(ctx, time.Now(), 10)
			require.NoError(t, err)
			require.Len(t, runs, 1)
			return runs[0]
		}
		first, taken, err := c.TakeMirrorRun(ctx, due())
		require.NoError(t, err)
		require.True(t, taken)
		meanwhile := due()
		first.Remote, first.Sent = "r", []byte(`{"files":{"a":"1"}}`)
		noted, err := c.NoteMirrorRun(ctx, first)
		require.NoError(t, err)
		require.True(t, noted)

		_, taken, err = c.TakeMirrorRun(ctx, meanwhile)
		require.NoError(t, err)
		require.False(t, taken, "what the first has sent is not in it")
		next, taken, err := c.TakeMirrorRun(ctx, due())
		require.NoError(t, err)
		require.True(t, taken)
		require.JSONEq(t, string(first.Sent), string(next.Sent))
	})
}
