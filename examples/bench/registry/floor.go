package main

import (
	"context"
	"strings"
	"time"
)

// floor measures what the database itself takes for what a request writes: the bare
// rows in one transaction, with neither a server nor any check.
func (b *bench) floor(ctx context.Context, d database) (figures, error) {
	db, err := d.open(d.bare)
	if err != nil {
		return figures{}, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, table := range []string{
		"CREATE TABLE points (run_id BIGINT, key_id BIGINT, step BIGINT, at BIGINT, value DOUBLE PRECISION, PRIMARY KEY (run_id, key_id, step, at, value))",
		"CREATE TABLE made (uid TEXT PRIMARY KEY, name TEXT, started_at BIGINT)",
	} {
		if _, err := db.ExecContext(ctx, table); err != nil {
			return figures{}, err
		}
	}
	var f figures
	timed := func(to *[]float64, query string, args []any) error {
		began := time.Now()
		_, err := db.ExecContext(ctx, db.Rebind(query), args...)
		*to = append(*to, time.Since(began).Seconds())
		return err
	}
	insert := "INSERT INTO points VALUES (?,?,?,?,?)" + strings.Repeat(",(?,?,?,?,?)", 999)
	for n := range b.size.batches {
		args := make([]any, 0, 5000)
		for i := range 1000 {
			args = append(args, 1, i%10, n*100+i/10, n*1000+i, float64(i)/7)
		}
		if err := timed(&f.Batch, insert, args); err != nil {
			return f, err
		}
	}
	for n := range b.size.creates {
		if err := timed(&f.Create, "INSERT INTO made VALUES (?,?,?)", []any{time.Now().String(), "made", n}); err != nil {
			return f, err
		}
	}
	return f, nil
}
