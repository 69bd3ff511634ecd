package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	// maxAttempts bounds how often a transaction is tried when others stand in its way.
	maxAttempts = 5
	// firstPause is the mean pause before the second attempt; it doubles each time.
	firstPause = 5 * time.Millisecond
	// insertBatch bounds the rows of one INSERT: both databases limit the number of arguments.
	insertBatch = 500
)

// tx is a running transaction. Queries are written with '?'.
type tx struct {
	sqlx    *sqlx.Tx
	dialect *dialect
	keys    *keyCache
	writes  bool
	now     time.Time // the transaction's time
	head    head      // of the event chain; set by lockHead
}

// update runs fn in a writing transaction. It runs fn again after a transient
// error, so fn must set, not add to, what it hands out.
func (c *Catalog) update(ctx context.Context, what string, fn func(*tx) error) error {
	return c.retry(ctx, what, func() error { return c.run(ctx, c.write, c.dialect.writing, fn) })
}

// view runs fn on one snapshot of the catalog, again after a transient error.
func (c *Catalog) view(ctx context.Context, what string, fn func(*tx) error) error {
	return c.retry(ctx, what, func() error { return c.run(ctx, c.read, c.dialect.reading, fn) })
}

func (c *Catalog) retry(ctx context.Context, what string, do func() error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil {
			return nil
		}
		if !c.dialect.transient(err) || attempt == maxAttempts {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause *= 2
	}
}

// list reads rows and makes of each what the caller wants.
func list[Row, T any](ctx context.Context, c *Catalog, what string, convert func(Row) T, query string, args ...any) ([]T, error) {
	var out []T
	err := c.view(ctx, what, func(t *tx) error {
		var rows []Row
		if err := t.all(ctx, &rows, query, args...); err != nil {
			return err
		}
		out = make([]T, len(rows))
		for i, row := range rows {
			out[i] = convert(row)
		}
		return nil
	})
	return out, err
}

func (c *Catalog) run(ctx context.Context, db *sqlx.DB, options *sql.TxOptions, fn func(*tx) error) (err error) {
	inner, err := db.BeginTxx(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		// After a commit Rollback only says that the transaction is done.
		if undo := inner.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) && err == nil {
			err = undo
		}
	}()
	if err := fn(&tx{sqlx: inner, dialect: c.dialect, keys: &c.keys, writes: options == c.dialect.writing, now: at(time.Now())}); err != nil {
		return err
	}
	return inner.Commit()
}

// get reads one row into dst and tells whether there is one.
func (t *tx) get(ctx context.Context, dst any, query string, args ...any) (bool, error) {
	err := t.sqlx.GetContext(ctx, dst, t.sqlx.Rebind(query), cleaned(args)...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// all reads all rows into the slice dst points at.
func (t *tx) all(ctx context.Context, dst any, query string, args ...any) error {
	return t.sqlx.SelectContext(ctx, dst, t.sqlx.Rebind(query), cleaned(args)...)
}

// rows reads rows one at a time; the caller closes them.
func (t *tx) rows(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	return t.sqlx.QueryxContext(ctx, t.sqlx.Rebind(query), cleaned(args)...)
}

// exec changes rows and tells how many.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.sqlx.ExecContext(ctx, t.sqlx.Rebind(query), cleaned(args)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insert adds rows. The text of into is "table(columns)", that of or is empty or an ON CONFLICT clause.
func (t *tx) insert(ctx context.Context, into, or string, rows ...[]any) error {
	for len(rows) > 0 {
		batch := rows[:min(len(rows), insertBatch)]
		rows = rows[len(batch):]
		one := "(?" + strings.Repeat(",?", len(batch[0])-1) + ")"
		args := make([]any, 0, len(batch)*len(batch[0]))
		for _, row := range batch {
			args = append(args, row...)
		}
		query := "INSERT INTO " + into + " VALUES " + one + strings.Repeat(","+one, len(batch)-1) + " " + or
		if _, err := t.exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}

// cleaned makes arguments that both drivers store the same.
func cleaned(args []any) []any {
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			args[i] = clean(v)
		case document:
			// pgx would make NULL of a nil slice without asking its Value.
			args[i] = string(v)
		}
	}
	return args
}

// placesFor is "(?,?,…)" for some values, at least one, and the arguments for it.
func placesFor[T any](values []T) (string, []any) {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = value
	}
	return "(?" + strings.Repeat(",?", len(values)-1) + ")", args
}

// query collects conditions of a SELECT.
type query struct {
	conditions []string
	args       []any
}

func (q *query) where(condition string, args ...any) {
	q.conditions = append(q.conditions, condition)
	q.args = append(q.args, args...)
}

// prefix asks for texts that begin with p. A range, as LIKE differs between the
// databases; U+10FFFF is no character and sorts after all of them.
func (q *query) prefix(column, p string) {
	q.where(column+" >= ? AND "+column+" < ?", p, p+"\U0010FFFF")
}

// sql is the whole query. A limit of 0 or less is none.
func (q *query) sql(selectFrom, orderBy string, limit int) string {
	var b strings.Builder
	b.WriteString(selectFrom)
	for i, condition := range q.conditions {
		b.WriteString([]string{" WHERE ", " AND "}[min(i, 1)])
		b.WriteString(condition)
	}
	b.WriteString(" ORDER BY " + orderBy)
	if limit > 0 {
		fmt.Fprintf(&b, " LIMIT %d", limit)
	}
	return b.String()
}
