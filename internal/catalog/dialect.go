package catalog

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
)

// Dialects.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// dialect is all that differs between the databases.
type dialect struct {
	name string
	// types replaces the type names that migrations leave open.
	types *strings.Replacer
	// lockRow ends a SELECT that keeps its row from other writers.
	lockRow string
	// lockSchema lets one process migrate at a time.
	lockSchema string
	// writing and reading are the transactions' options; a reading one sees one snapshot.
	writing, reading *sql.TxOptions
	// transient tells that the same transaction may succeed when tried again.
	transient func(error) bool
}

func sqliteDialect() *dialect {
	return &dialect{
		name:    SQLite,
		types:   strings.NewReplacer("{name}", "TEXT", "{bytes}", "BLOB"),
		writing: &sql.TxOptions{},
		reading: &sql.TxOptions{},
		transient: func(err error) bool {
			var e sqlite3.Error
			return errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
		},
	}
}

func postgresDialect() *dialect {
	return &dialect{
		name: Postgres,
		// Names compare by bytes, as in SQLite: ranges over subjects and the order
		// of lists must not depend on the server's locale.
		types:   strings.NewReplacer("{name}", `TEXT COLLATE "C"`, "{bytes}", "BYTEA"),
		lockRow: " FOR UPDATE",
		// The number is arbitrary and must never change.
		lockSchema: "SELECT pg_advisory_xact_lock(7310868735423017)",
		// Read committed whatever the server's default is: after the lock on the
		// chain's head each statement sees what the last holder committed.
		writing: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		reading: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		transient: func(err error) bool {
			var e *pgconn.PgError
			return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01") // serialization_failure, deadlock_detected
		},
	}
}
