package catalog_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
)

func batchPart(plan string, shard int64) catalog.BatchPart {
	return catalog.BatchPart{Plan: plan, Shard: shard, Digest: "sha256:" + strings.Repeat("ab", 32), Size: 7 + shard, Counts: json.RawMessage(`{"refused":1,"rows":100}`)}
}

func TestBatchParts(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		c := catalogtest.Open(t, dsn)
		ctx := t.Context()
		_, err := c.BatchPart(ctx, "sha256:p", 0)
		require.ErrorIs(t, err, catalog.ErrNotFound)
		for _, shard := range []int64{10, 2, 0} {
			require.NoError(t, c.SaveBatchPart(ctx, batchPart("sha256:p", shard)))
			require.NoError(t, c.SaveBatchPart(ctx, batchPart("sha256:p", shard)), "twice is once")
		}
		require.NoError(t, c.SaveBatchPart(ctx, batchPart("sha256:other", 1)))
		found, err := c.BatchParts(ctx, "sha256:p")
		require.NoError(t, err)
		require.Equal(t, []catalog.BatchPart{batchPart("sha256:p", 0), batchPart("sha256:p", 2), batchPart("sha256:p", 10)}, found)
		again := batchPart("sha256:p", 2)
		again.Digest = "sha256:" + strings.Repeat("cd", 32)
		require.NoError(t, c.SaveBatchPart(ctx, again), "its file was collected and made again")
		one, err := c.BatchPart(ctx, "sha256:p", 2)
		require.NoError(t, err)
		require.Equal(t, again, one)
		require.ErrorIs(t, c.SaveBatchPart(ctx, catalog.BatchPart{Plan: "sha256:p"}), catalog.ErrInvalid)
	})
}

func TestBatchResult(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		c := catalogtest.Open(t, dsn)
		ctx := t.Context()
		result := catalog.BatchResult{Plan: "sha256:p", Digest: "sha256:" + strings.Repeat("ef", 32), Batch: "batch/m/1@r", Counts: json.RawMessage(`{"rows":5}`)}
		require.ErrorIs(t, c.SaveBatchResult(ctx, result), catalog.ErrNotFound, "the data version comes first")
		_, _, err := c.SaveData(ctx, catalog.DataVersion{Name: "out", Digest: result.Digest, Tree: true}, catalog.Mark{Key: "k", Actor: "ann"})
		require.NoError(t, err)
		require.NoError(t, c.SaveBatchPart(ctx, batchPart("sha256:p", 1)))
		require.NoError(t, c.SaveBatchPart(ctx, batchPart("sha256:young", 1)))
		require.NoError(t, c.SaveBatchPart(ctx, batchPart("sha256:old", 1)))
		long := time.Now().Add(-31 * 24 * time.Hour).UnixMicro()
		raw := catalogtest.Raw(t, dsn)
		_, err = raw.ExecContext(ctx, raw.Rebind("UPDATE batch_parts SET at = ? WHERE plan = 'sha256:old'"), long)
		require.NoError(t, err)
		_, err = c.BatchResult(ctx, "sha256:p")
		require.ErrorIs(t, err, catalog.ErrNotFound)
		for range 2 {
			require.NoError(t, c.SaveBatchResult(ctx, result))
			found, err := c.BatchResult(ctx, "sha256:p")
			require.NoError(t, err)
			require.Equal(t, result, found)
		}
		for plan, left := range map[string]int{"sha256:p": 0, "sha256:young": 1, "sha256:old": 0} {
			parts, err := c.BatchParts(ctx, plan)
			require.NoError(t, err)
			require.Len(t, parts, left, plan)
		}
	})
}
