package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // driver "sqlite3"
)

const (
	// busyTimeout is how long SQLite waits for another process's write.
	busyTimeout = 5 * time.Second
	// maxReaders bounds SQLite's reading connections.
	maxReaders = 4
	// maxConnections bounds one process's PostgreSQL connections.
	maxConnections = 8
	// connectionLife lets a pool follow a failover of PostgreSQL.
	connectionLife = 30 * time.Minute
)

// Catalog is an open catalog. It is safe for concurrent use; several processes
// may have the same one open.
type Catalog struct {
	dialect *dialect
	write   *sqlx.DB
	read    *sqlx.DB // the same pool as write on PostgreSQL
	keys    keyCache
}

// Open connects to the catalog and brings its schema up to date. Several
// processes may do so at once. The dsn is "postgres://user@host/database",
// "sqlite:///absolute/file.db" or the path of an SQLite file, whose folder must
// exist and must not be on a network file system. The error is an
// ErrInvalid for a dsn that can't be right and an ErrNewerSchema for a catalog
// that a newer program has migrated.
func Open(ctx context.Context, dsn string) (*Catalog, error) {
	target, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	c, err := target.connect()
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", target.label, err)
	}
	if err := c.migrate(ctx); err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", target.label, errors.Join(err, c.Close()))
	}
	return c, nil
}

// Close frees the connections.
func (c *Catalog) Close() error {
	err := c.write.Close()
	if c.read != c.write {
		err = errors.Join(err, c.read.Close())
	}
	return err
}

// Ping tells whether the catalog can be reached now.
func (c *Catalog) Ping(ctx context.Context) error {
	if err := c.read.PingContext(ctx); err != nil {
		return fmt.Errorf("reach catalog: %w", err)
	}
	return nil
}

// Dialect is "sqlite" or "postgres".
func (c *Catalog) Dialect() string { return c.dialect.name }

// target is a parsed dsn.
type target struct {
	dialect *dialect
	source  string // URL for PostgreSQL, absolute path for SQLite
	label   string // for errors; never holds a password
}

func parseDSN(dsn string) (target, error) {
	scheme, rest, isURL := strings.Cut(dsn, "://")
	switch {
	case !isURL:
		return sqliteTarget(dsn)
	case scheme == "postgres" || scheme == "postgresql":
		u, err := url.Parse(dsn)
		if err != nil {
			// The error of url.Parse quotes the whole text, password included.
			return target{}, invalid("catalog address is not a URL: write postgres://user:password@host:port/database with special characters percent-encoded")
		}
		return target{dialect: postgresDialect(), source: dsn, label: u.Redacted()}, nil
	case scheme == "sqlite":
		path, err := url.PathUnescape(rest)
		if err != nil || !filepath.IsAbs(path) || strings.Contains(rest, "?") {
			return target{}, invalid("catalog address %q: write sqlite:///absolute/path.db", dsn)
		}
		return sqliteTarget(path)
	}
	return target{}, invalid("catalog address has the unknown scheme %q: use postgres://, sqlite:/// or the path of a file", scheme)
}

func sqliteTarget(path string) (target, error) {
	// Each connection would see another empty database in memory.
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:") {
		return target{}, invalid("catalog address %q: SQLite needs the path of a file", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return target{}, fmt.Errorf("catalog address %q: %w", path, err)
	}
	return target{dialect: sqliteDialect(), source: abs, label: abs}, nil
}

func (t target) connect() (*Catalog, error) {
	if t.dialect.name == Postgres {
		db, err := sqlx.Open("pgx", t.source)
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(maxConnections)
		db.SetMaxIdleConns(maxConnections)
		db.SetConnMaxLifetime(connectionLife)
		return &Catalog{dialect: t.dialect, write: db, read: db}, nil
	}
	write, err := sqlx.Open("sqlite3", sqliteURI(t.source, "_txlock", "immediate"))
	if err != nil {
		return nil, err
	}
	// SQLite has one writer at a time: waiting for the connection in the process
	// is fair and cheap, waiting in busy_timeout is neither.
	write.SetMaxOpenConns(1)
	read, err := sqlx.Open("sqlite3", sqliteURI(t.source, "_txlock", "deferred", "_query_only", "true"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(maxReaders)
	read.SetMaxIdleConns(maxReaders)
	return &Catalog{dialect: t.dialect, write: write, read: read}, nil
}

func sqliteURI(path string, options ...string) string {
	query := url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())},
		"_foreign_keys": {"true"},
		// Statements are few and some long: parsing them again costs a fifth of a batch of metrics.
		"_stmt_cache_size": {"64"},
	}
	for i := 0; i+1 < len(options); i += 2 {
		query.Set(options[i], options[i+1])
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}
