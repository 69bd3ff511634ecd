package catalog

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// maxKeysKept bounds the names that a process keeps; a catalog has some hundreds.
const maxKeysKept = 100_000

// keyCache keeps the dictionary of names of metrics, params and tags. A row of it
// never changes, so what is kept is true for ever.
type keyCache struct {
	mu    sync.RWMutex
	ids   map[string]int64
	names map[int64]string
}

type keyRow struct {
	ID   int64  `db:"id"`
	Name string `db:"name"`
}

func (k *keyCache) keep(rows []keyRow) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids == nil || len(k.ids)+len(rows) > maxKeysKept {
		k.ids, k.names = map[string]int64{}, map[int64]string{}
	}
	for _, row := range rows {
		k.ids[row.Name], k.names[row.ID] = row.ID, row.Name
	}
}

// known fills what is kept into ids and returns the other names, sorted.
func (k *keyCache) known(names []string, ids map[string]int64) []string {
	unknown := map[string]bool{}
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, name := range names {
		if id, ok := k.ids[name]; ok {
			ids[name] = id
		} else {
			unknown[name] = true
		}
	}
	return slices.Sorted(maps.Keys(unknown))
}

// keyIDs gives each name its id, a new one where it has none. It has a transaction
// of its own: a dictionary may know a name that nothing uses, but no process may
// keep an id that was rolled back.
func (c *Catalog) keyIDs(ctx context.Context, names []string) (map[string]int64, error) {
	for i, name := range names {
		names[i] = clean(name)
	}
	ids := make(map[string]int64, len(names))
	missing := c.keys.known(names, ids)
	if len(missing) == 0 {
		return ids, nil
	}
	var rows []keyRow
	err := c.update(ctx, "name metrics, params and tags", func(t *tx) error {
		insert := make([][]any, len(missing))
		for i, name := range missing {
			insert[i] = []any{name}
		}
		if err := t.insert(ctx, "tracking_keys(name)", "ON CONFLICT DO NOTHING", insert...); err != nil {
			return err
		}
		rows = nil
		return inParts(missing, func(places string, args []any) error {
			var some []keyRow
			err := t.all(ctx, &some, "SELECT id, name FROM tracking_keys WHERE name IN "+places, args...)
			rows = append(rows, some...)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	c.keys.keep(rows)
	for _, row := range rows {
		ids[row.Name] = row.ID
	}
	return ids, nil
}

// keyID is the id of a name, 0 if nothing has it.
func (t *tx) keyID(ctx context.Context, name string) (int64, error) {
	ids := map[string]int64{}
	if len(t.keys.known([]string{name}, ids)) == 0 {
		return ids[name], nil
	}
	var row keyRow
	found, err := t.get(ctx, &row, "SELECT id, name FROM tracking_keys WHERE name = ?", name)
	if err != nil || !found {
		return 0, err
	}
	// A reading transaction sees only what is committed.
	if !t.writes {
		t.keys.keep([]keyRow{row})
	}
	return row.ID, nil
}

// keyNames gives each id its name.
func (t *tx) keyNames(ctx context.Context, ids map[int64]string) error {
	var unknown []int64
	t.keys.mu.RLock()
	for id := range ids {
		if name, ok := t.keys.names[id]; ok {
			ids[id] = name
		} else {
			unknown = append(unknown, id)
		}
	}
	t.keys.mu.RUnlock()
	return inParts(unknown, func(places string, args []any) error {
		var rows []keyRow
		if err := t.all(ctx, &rows, "SELECT id, name FROM tracking_keys WHERE id IN "+places, args...); err != nil {
			return err
		}
		if !t.writes {
			t.keys.keep(rows)
		}
		for _, row := range rows {
			ids[row.ID] = row.Name
		}
		return nil
	})
}

// inParts calls do with "(?,?,…)" and its arguments for all values, a bounded number at a time.
func inParts[T any](values []T, do func(places string, args []any) error) error {
	for len(values) > 0 {
		some := values[:min(len(values), insertBatch)]
		values = values[len(some):]
		if err := do(placesFor(some)); err != nil {
			return err
		}
	}
	return nil
}
