package catalog_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

func TestRecordIsIdempotent(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		when := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("x", 3600))
		e := event("k1")
		e.At, e.Reason = when, "nul \x00 and \xff"
		existed, err := c.Record(ctx, e)
		require.NoError(t, err)
		require.False(t, existed)
		existed, err = c.Record(ctx, e)
		require.NoError(t, err)
		require.True(t, existed)

		got := events(t, c)
		require.Len(t, got, 1)
		require.Equal(t, int64(1), got[0].ID)
		require.Equal(t, when.UTC().Truncate(time.Microsecond), got[0].At)
		require.Equal(t, `{"a":"<é>","b":1.50}`, string(got[0].Detail))
		require.Equal(t, "nul \uFFFD and \uFFFD", got[0].Reason)
		require.Empty(t, got[0].PrevHash)
		require.Equal(t, int64(1), intact(t, c))

		e.Action = "test.other"
		_, err = c.Record(ctx, e)
		require.ErrorIs(t, err, catalog.ErrConflict)
		e.Key = ""
		_, err = c.Record(ctx, e)
		require.ErrorIs(t, err, catalog.ErrInvalid)
		bad := event("k2")
		bad.Detail = []byte(`{"a":`)
		_, err = c.Record(ctx, bad)
		require.ErrorIs(t, err, catalog.ErrInvalid)
		require.Len(t, events(t, c), 1)
	})
}

func TestEventFilter(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, subject := range []string{"model/a/1", "model/a/2", "model/a%/1", "model/A/1", "model/ab/1", "route/a"} {
			e := event(fmt.Sprint(i))
			e.Subject, e.At, e.Action = subject, start.Add(time.Duration(i)*time.Hour), []string{"x", "y"}[i%2]
			_, err := c.Record(ctx, e)
			require.NoError(t, err)
		}
		for name, test := range map[string]struct {
			filter catalog.EventFilter
			ids    []int64
		}{
			"all":              {catalog.EventFilter{}, []int64{1, 2, 3, 4, 5, 6}},
			"subject":          {catalog.EventFilter{Subject: "model/a/1"}, []int64{1}},
			"prefix":           {catalog.EventFilter{SubjectPrefix: "model/a/"}, []int64{1, 2}},
			"prefix with %":    {catalog.EventFilter{SubjectPrefix: "model/a%"}, []int64{3}},
			"prefix, any case": {catalog.EventFilter{SubjectPrefix: "model/A"}, []int64{4}},
			"action":           {catalog.EventFilter{Action: "y"}, []int64{2, 4, 6}},
			"time":             {catalog.EventFilter{Since: start.Add(time.Hour), Until: start.Add(3 * time.Hour)}, []int64{2, 3}},
			"page":             {catalog.EventFilter{AfterID: 2, Limit: 2}, []int64{3, 4}},
		} {
			got, err := c.Events(ctx, test.filter)
			require.NoError(t, err, name)
			var ids []int64
			for _, e := range got {
				ids = append(ids, e.ID)
			}
			require.Equal(t, test.ids, ids, name)
		}
	})
}

func TestConcurrentWritersKeepTheChain(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		// Half of the writers are on a second handle: another process.
		handles := []*catalog.Catalog{open(), open()}
		const writers, each = 20, 20
		errs := make(chan error, writers*each)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					_, err := handles[w%2].Record(t.Context(), event(fmt.Sprintf("%d-%d", w, i)))
					errs <- err
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, int64(writers*each), intact(t, handles[0]))
	})
}

func TestEventsRefuseChange(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		c := catalogtest.Open(t, dsn)
		_, err := c.Record(t.Context(), event("k"))
		require.NoError(t, err)
		raw := catalogtest.Raw(t, dsn)
		statements := []string{"UPDATE events SET actor = 'eve'", "DELETE FROM events"}
		switch c.Dialect() {
		case catalog.SQLite:
			statements = append(statements, "INSERT OR REPLACE INTO events SELECT id, key, at, 'eve', action, subject, reason, detail, prev_hash, hash FROM events")
		case catalog.Postgres:
			statements = append(statements, "TRUNCATE events")
		}
		for _, statement := range statements {
			_, err := raw.ExecContext(t.Context(), statement)
			require.ErrorContains(t, err, "insert-only", statement)
		}
		require.Equal(t, int64(1), intact(t, c))
	})
}

func TestBrokenChainIsFound(t *testing.T) {
	t.Parallel()
	unguard := map[string]string{
		catalog.SQLite:   "DROP TRIGGER events_no_update; DROP TRIGGER events_no_delete",
		catalog.Postgres: "DROP TRIGGER events_insert_only ON events",
	}
	for name, test := range map[string]struct {
		damage string
		id     int64
	}{
		"field changed":    {"UPDATE events SET actor = 'eve' WHERE id = 3", 3},
		"detail changed":   {`UPDATE events SET detail = '{"a":2}' WHERE id = 2`, 2},
		"time changed":     {"UPDATE events SET at = at + 1 WHERE id = 4", 4},
		"hash changed":     {"UPDATE events SET hash = 'sha256:00' WHERE id = 1", 1},
		"row deleted":      {"DELETE FROM events WHERE id = 2", 2},
		"end cut off":      {"DELETE FROM events WHERE id = 5", 5},
		"detail is broken": {"UPDATE events SET detail = '{' WHERE id = 2", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
				c := catalogtest.Open(t, dsn)
				for i := range 5 {
					_, err := c.Record(t.Context(), event(fmt.Sprint(i)))
					require.NoError(t, err)
				}
				raw := catalogtest.Raw(t, dsn)
				for _, statement := range []string{unguard[c.Dialect()], test.damage} {
					_, err := raw.ExecContext(t.Context(), statement)
					require.NoError(t, err)
				}
				count, err := c.VerifyEvents(t.Context())
				var broken *catalog.ChainError
				require.ErrorAs(t, err, &broken)
				require.Equal(t, test.id, broken.ID)
				require.Equal(t, test.id-1, count)
			})
		})
	}
}
