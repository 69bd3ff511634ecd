// Command registry measures Slipway's tracking server against MLflow's own, on SQLite
// and on PostgreSQL: the same requests to both, through the stock Python client and
// as plain HTTP, in one table from one run.
//
// It runs slipwayd and `mlflow server` as users run them, one beside the other, and
// puts the same load on one after the other in turn.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench-registry: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench-registry", flag.ContinueOnError)
	size := flags.String("size", "full", "how much to search: full or small")
	bin := flags.String("bin", "bin", "folder of slipwayd")
	python := flags.String("python", os.Getenv("MLFLOW_PYTHON"), "the Python that has the stock MLflow")
	client := flags.String("client", filepath.Join("examples", "bench", "registry", "client.py"), "the load through the stock client")
	postgres := flags.String("postgres", os.Getenv("SLIPWAY_TEST_POSTGRES"), "the PostgreSQL server, as postgres://user@host:port/database; empty: SQLite only")
	temp := flags.String("temp", "", "folder for the databases, made inside and removed at the end; the default is the system's")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	b := &bench{python: *python, client: *client, slipwayd: filepath.Join(*bin, "slipwayd")}
	var ok bool
	if b.size, ok = sizes()[*size]; !ok {
		return fmt.Errorf("size %q: it is full or small", *size)
	}
	if b.python == "" {
		return errors.New("-python is missing: run `make bench-registry`")
	}
	if b.dir, err = os.MkdirTemp(*temp, "bench-registry-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	databases := []database{sqliteIn(b.dir)}
	if *postgres != "" {
		p, err := postgresAt(ctx, *postgres)
		if err != nil {
			return err
		}
		defer p.drop()
		databases = append(databases, p.database)
	}
	for _, d := range databases {
		if err := b.measure(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	printTable(os.Stdout, *size, b.lines)
	return nil
}

// bench is one run of the benchmark.
type bench struct {
	size                          size
	python, client, slipwayd, dir string
	lines                         []line
}

// size says how much a run takes.
type size struct {
	runs    int // in the experiment that is searched
	steps   int // of each of its 10 metrics
	batches int // log-batch requests of 1,000 metrics
	creates int // runs created
	rounds  int // of the 6 searches
}

func sizes() map[string]size {
	return map[string]size{
		"full":  {runs: 20_000, steps: 25, batches: 30, creates: 200, rounds: 10},
		"small": {runs: 2_000, steps: 10, batches: 10, creates: 50, rounds: 4},
	}
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "    "+format+"\n", args...) }

// measure compares both servers on one kind of database.
func (b *bench) measure(ctx context.Context, d database) error {
	progress("%s: start both servers", d.name)
	ours, err := b.startOurs(ctx, d)
	if err != nil {
		return err
	}
	defer ours.Stop()
	theirs, err := b.startTheirs(ctx, d)
	if err != nil {
		return err
	}
	defer theirs.Stop()
	for _, s := range []*server{ours, theirs} {
		progress("%s: fill %s with %d runs and %d points", d.name, s.name, b.size.runs, b.size.runs*10*b.size.steps)
		if err := s.fill(ctx, b.size); err != nil {
			return fmt.Errorf("fill %s: %w", s.name, err)
		}
	}
	floor, err := b.floor(ctx, d)
	if err != nil {
		return fmt.Errorf("measure the database itself: %w", err)
	}
	for _, by := range []struct {
		name string
		load func(context.Context, *server) (figures, error)
	}{{"HTTP", b.loadHTTP}, {"Python client", b.loadPython}} {
		progress("%s: load by %s", d.name, by.name)
		mine, err := by.load(ctx, ours)
		if err != nil {
			return fmt.Errorf("load slipwayd by %s: %w", by.name, err)
		}
		other, err := by.load(ctx, theirs)
		if err != nil {
			return fmt.Errorf("load mlflow server by %s: %w", by.name, err)
		}
		b.lines = append(b.lines, compare(d.name, by.name, b.size, mine, other, floor)...)
	}
	return nil
}
