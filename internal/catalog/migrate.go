package catalog

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// migrations holds the schema, one step per number: "NNNN_name.sql" for both
// databases and, for what has no common spelling, "NNNN_name.sqlite.sql" and
// "NNNN_name.postgres.sql", which run after it. A step that was in a published
// version never changes.
//
//go:embed migrations/*.sql
var migrations embed.FS

const schemaTable = `CREATE TABLE IF NOT EXISTS schema_steps (
	step BIGINT PRIMARY KEY,
	name TEXT NOT NULL,
	applied_at BIGINT NOT NULL
)`

// step is one migration.
type step struct {
	number int64
	name   string
	sql    []string // in order
}

// migrate applies the steps that are missing, all in one transaction.
func (c *Catalog) migrate(ctx context.Context) error {
	steps, err := loadSteps(migrations, c.dialect)
	if err != nil {
		return err
	}
	return c.update(ctx, "migrate", func(t *tx) error {
		// On SQLite the transaction itself keeps other processes out.
		if t.dialect.lockSchema != "" {
			if _, err := t.exec(ctx, t.dialect.lockSchema); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, schemaTable); err != nil {
			return err
		}
		var have []int64
		if err := t.all(ctx, &have, "SELECT step FROM schema_steps ORDER BY step"); err != nil {
			return err
		}
		known := steps[len(steps)-1].number
		if n := len(have); n > 0 && have[n-1] > known {
			return fmt.Errorf("%w: it is at step %d and this program knows steps up to %d: use the newer program that migrated it", ErrNewerSchema, have[n-1], known)
		}
		for _, s := range steps {
			// Not by the highest alone: branches that are developed side by side add steps out of order.
			if slices.Contains(have, s.number) {
				continue
			}
			if err := t.apply(ctx, s); err != nil {
				return fmt.Errorf("step %d (%s): %w", s.number, s.name, err)
			}
		}
		return nil
	})
}

func (t *tx) apply(ctx context.Context, s step) error {
	for _, sql := range s.sql {
		// Without arguments both drivers run all statements of the text.
		if _, err := t.sqlx.ExecContext(ctx, t.dialect.types.Replace(sql)); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, "INSERT INTO schema_steps(step, name, applied_at) VALUES (?, ?, ?)", s.number, s.name, stamp(t.now))
	return err
}

// loadSteps reads the steps of a dialect in order.
func loadSteps(files fs.FS, d *dialect) ([]step, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	byNumber := map[int64]*step{}
	// "0001_x.sql" must come before "0001_x.sqlite.sql": shorter first.
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	for _, file := range names {
		base := strings.TrimSuffix(path.Base(file), ".sql")
		base, only, _ := strings.Cut(base, ".")
		if only != "" && only != d.name {
			continue
		}
		digits, name, _ := strings.Cut(base, "_")
		number, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: its name must begin with a number", file)
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", file, err)
		}
		if byNumber[number] == nil {
			byNumber[number] = &step{number: number, name: name}
		}
		byNumber[number].sql = append(byNumber[number].sql, string(text))
	}
	var steps []step
	for _, s := range byNumber {
		steps = append(steps, *s)
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.number, b.number) })
	return steps, nil
}
