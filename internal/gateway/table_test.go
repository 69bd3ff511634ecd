package gateway

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
)

func newTable() *Table { return NewTable(slog.New(slog.DiscardHandler)) }

func always(ok bool) func(serving.Key) bool { return func(serving.Key) bool { return ok } }

func TestTableRefusesThePast(t *testing.T) {
	t.Parallel()
	table := newTable()
	require.True(t, table.Offer([]catalog.Route{{Model: "m", Stable: "2", Rev: 5}}))
	table.Settle(always(true))
	require.False(t, table.Offer([]catalog.Route{{Model: "m", Stable: "1", Rev: 4}}))
	require.False(t, table.Offer([]catalog.Route{{Model: "m", Stable: "9", Rev: 5}}))
	require.False(t, table.Offer(nil), "a catalog that lost the model does not end its service")
	require.False(t, table.Settle(always(true)))
	require.Equal(t, "2", table.Routes()["m"].Stable)
}

func TestTableWaitsForProduction(t *testing.T) {
	t.Parallel()
	table := newTable()
	table.Offer([]catalog.Route{{Model: "m", Stable: "1", Canary: "2", CanaryPermille: 500, Rev: 1}})
	require.True(t, table.Settle(always(false)), "with nothing before, there is nothing to wait with")
	table.Offer([]catalog.Route{{Model: "m", Stable: "3", Previous: "1", Rev: 2}})
	require.True(t, table.Settle(always(false)))
	held := table.Routes()["m"]
	require.Equal(t, "1", held.Stable)
	require.Empty(t, held.Canary, "the new route has no place for the canary")
	require.Zero(t, held.CanaryPermille)
	require.Equal(t, int64(1), held.Rev)
	require.True(t, table.Settle(always(true)))
	require.Equal(t, "3", table.Routes()["m"].Stable)
}

func TestSharesAreMonotone(t *testing.T) {
	t.Parallel()
	const subjects = 5000
	onIt := 0
	for i := range subjects {
		subject := fmt.Sprint("user-", i)
		was := false
		for permille := 0; permille <= 1000; permille += 50 {
			is := onCanary(catalog.Route{Model: "m", Stable: "1", Canary: "2", CanaryPermille: permille}, subject)
			require.False(t, was && !is, "raising the weight moved %s away from the canary", subject)
			was = is
			if permille == 0 {
				require.False(t, is, "zero is zero")
			}
			if permille == 50 && is {
				onIt++
			}
		}
		require.True(t, was, "1000 is all")
	}
	require.InDelta(t, subjects*0.05, onIt, 75)
}

func TestNoCanaryNoShare(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		require.False(t, onCanary(catalog.Route{Model: "m", Stable: "1", CanaryPermille: r.IntN(1001)}, ""))
		require.False(t, onCanary(catalog.Route{Model: "m", Stable: "1", Canary: "2"}, ""))
	}
}
