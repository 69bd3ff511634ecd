package gateway

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/canary"
	"github.com/slipway-ml/slipway/internal/catalog"
)

func TestStatsDeliverEachCountOnce(t *testing.T) {
	t.Parallel()
	type id struct {
		seq int64
		arm
	}
	stored, down := map[id]catalog.Traffic{}, false
	s := NewStats("g", func(_ context.Context, rows []catalog.Traffic) error {
		for _, r := range rows { // the catalog takes the rows, and the reply may still be lost
			key := id{r.Seq, arm{r.Model, r.Version, r.RouteRev}}
			if old, ok := stored[key]; ok {
				require.Equal(t, old, r, "the same number means the same counts")
			}
			stored[key] = r
		}
		if down {
			return errors.New("reply lost")
		}
		return nil
	})
	ctx := context.Background()
	want := map[arm]int64{}
	for i := range 40 {
		down = i%3 != 0
		rev := int64(i / 10)
		require.NoError(t, s.Add("m", "1", rev, true, float64(i)))
		require.NoError(t, s.Add("m", "1", rev, false, 0))
		want[arm{"m", "1", rev}]++
		err := s.Flush(ctx, time.Now())
		require.Equal(t, down, err != nil)
	}
	down = false
	require.NoError(t, s.Flush(ctx, time.Now()))
	require.NoError(t, s.Flush(ctx, time.Now()))
	byArm := map[arm][]canary.Traffic{}
	for key, r := range stored {
		byArm[key.arm] = append(byArm[key.arm], canary.Traffic{OK: r.OK, Errors: r.Errors, Sketch: r.Sketch})
	}
	require.Len(t, byArm, 4)
	for key, rows := range byArm {
		sum, err := canary.MergeTraffic("1", rows)
		require.NoError(t, err)
		require.Equal(t, 2*want[key], sum.Requests)
		require.Equal(t, want[key], sum.Errors)
	}
}
