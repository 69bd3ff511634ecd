package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // driver "sqlite3"
)

// database is where both servers keep what they know, each in a database of its own.
type database struct {
	name   string
	ours   string // as slipwayd takes it
	theirs string // as mlflow server takes it
	bare   string // for the floor
	open   func(address string) (*sqlx.DB, error)
}

func sqliteIn(dir string) database {
	return database{
		name: "SQLite", ours: filepath.Join(dir, "slipway.db"), theirs: "sqlite:///" + filepath.Join(dir, "mlflow.db"), bare: filepath.Join(dir, "bare.db"),
		open: func(address string) (*sqlx.DB, error) {
			return sqlx.Open("sqlite3", "file:"+strings.TrimPrefix(address, "sqlite:///")+"?_busy_timeout=60000&_journal_mode=WAL&_synchronous=FULL")
		},
	}
}

// postgresServer is a PostgreSQL with a database for each.
type postgresServer struct {
	database
	admin *sqlx.DB
	names []string
}

func postgresAt(ctx context.Context, server string) (*postgresServer, error) {
	address, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("-postgres: %w", err)
	}
	admin, err := sqlx.Open("pgx", server)
	if err != nil {
		return nil, err
	}
	p := &postgresServer{admin: admin}
	p.database = database{name: "PostgreSQL", open: func(address string) (*sqlx.DB, error) {
		return sqlx.Open("pgx", strings.Replace(address, "postgresql+psycopg2", "postgres", 1))
	}}
	for _, to := range []*string{&p.ours, &p.theirs, &p.bare} {
		name := "bench_" + strings.ToLower(rand.Text())
		if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
			p.drop()
			return nil, err
		}
		p.names = append(p.names, name)
		address.Path = "/" + name
		*to = address.String()
	}
	p.theirs = strings.Replace(p.theirs, address.Scheme, "postgresql+psycopg2", 1)
	return p, nil
}

// drop removes the databases.
func (p *postgresServer) drop() {
	for _, name := range p.names {
		if _, err := p.admin.ExecContext(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			fmt.Fprintf(os.Stderr, "bench-registry: %v\n", err)
		}
	}
	_ = p.admin.Close() // nothing is left to lose
}

// The experiment that is searched has id 1 in both. Run i began at second i; value j
// of metric k at step s is a number from 0 to 1 that looks random.
const (
	runUID = "lower(printf('%032x', i.n))"
	value  = "CAST((i.n * 7919 + k.n * 15485863 + s.n * 104729) % 1000003 AS DOUBLE PRECISION) / 1000003.0"
)

func numbers(name string, n int) string {
	return fmt.Sprintf("%[1]s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM %[1]s WHERE n + 1 < %[2]d)", name, n)
}

// exec runs statements that may say {runs} for the numbers of runs as i, {metrics} as
// k, {steps} as s, and {uid} and {value}.
func (d database) exec(ctx context.Context, address string, z size, statements ...string) error {
	db, err := d.open(address)
	if err != nil {
		return err
	}
	defer db.Close()
	uid := runUID
	if d.name == "PostgreSQL" {
		uid = "lpad(to_hex(i.n), 32, '0')"
	}
	for _, statement := range statements {
		with := "WITH RECURSIVE " + strings.Join([]string{numbers("i", z.runs), numbers("k", 10), numbers("p", 5), numbers("s", z.steps)}, ", ") + " "
		into, rest, ok := strings.Cut(strings.Join(strings.Fields(statement), " "), " SELECT ")
		if ok && strings.HasPrefix(into, "INSERT") {
			statement = into + " " + with + "SELECT " + rest
		}
		statement = strings.NewReplacer("{uid}", uid, "{value}", value, "{last}", fmt.Sprint(z.steps-1)).Replace(statement)
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.60s…: %w", statement, err)
		}
	}
	return nil
}

func (d database) fillOurs(ctx context.Context, z size) error {
	return d.exec(ctx, d.ours, z,
		"INSERT INTO experiments(id, name, artifact_root, created_at, updated_at) VALUES (1, 'searched', 'mlflow-artifacts:/1', 0, 0)",
		"UPDATE tracking_counters SET last = 1",
		`INSERT INTO runs(id, uid, experiment_id, name, user_id, status, artifact_uri, started_at, ended_at)
			SELECT 1000000 + i.n, {uid}, 1, 'run-' || i.n, 'bench', 'FINISHED', 'mlflow-artifacts:/1/' || {uid} || '/artifacts', i.n * 1000, i.n * 1000 + 500 FROM i`,
		"INSERT INTO tracking_keys(id, name) SELECT 1000 + k.n, 'm' || k.n FROM k",
		"INSERT INTO tracking_keys(id, name) SELECT 1100 + p.n, 'p' || p.n FROM p",
		"INSERT INTO tracking_keys(id, name) SELECT 1200 + p.n, 't' || p.n FROM p",
		"INSERT INTO run_params(run_id, key_id, value) SELECT 1000000 + i.n, 1100 + p.n, 'v' || (i.n * (p.n + 7) % 50) FROM i, p",
		"INSERT INTO run_tags(run_id, key_id, value) SELECT 1000000 + i.n, 1200 + p.n, 'w' || (i.n * (p.n + 3) % 20) FROM i, p",
		"INSERT INTO run_metrics(run_id, key_id, step, at, value, nan) SELECT 1000000 + i.n, 1000 + k.n, s.n, s.n, {value}, 0 FROM i, k, s",
		"INSERT INTO run_latest(run_id, key_id, step, at, value, nan) SELECT 1000000 + i.n, 1000 + k.n, s.n, s.n, {value}, 0 FROM i, k, s WHERE s.n = {last}",
		"ANALYZE")
}

func (d database) fillTheirs(ctx context.Context, z size) error {
	no := "0"
	if d.name == "PostgreSQL" {
		no = "FALSE"
	}
	return d.exec(ctx, d.theirs, z,
		"INSERT INTO experiments(experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time) VALUES (1, 'searched', 'mlflow-artifacts:/1', 'active', 0, 0)",
		`INSERT INTO runs(run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
			SELECT {uid}, 'run-' || i.n, 'UNKNOWN', '', '', 'bench', 'FINISHED', i.n * 1000, i.n * 1000 + 500, '', 'active', 'mlflow-artifacts:/1/' || {uid} || '/artifacts', 1 FROM i`,
		"INSERT INTO params(run_uuid, key, value) SELECT {uid}, 'p' || p.n, 'v' || (i.n * (p.n + 7) % 50) FROM i, p",
		"INSERT INTO tags(run_uuid, key, value) SELECT {uid}, 't' || p.n, 'w' || (i.n * (p.n + 3) % 20) FROM i, p",
		"INSERT INTO metrics(run_uuid, key, step, timestamp, value, is_nan) SELECT {uid}, 'm' || k.n, s.n, s.n, {value}, "+no+" FROM i, k, s",
		"INSERT INTO latest_metrics(run_uuid, key, step, timestamp, value, is_nan) SELECT {uid}, 'm' || k.n, s.n, s.n, {value}, "+no+" FROM i, k, s WHERE s.n = {last}",
		"ANALYZE")
}
