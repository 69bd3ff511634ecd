// Command data measures slipway data against the tools that people use today,
// and against what the machine can do at all: one table from one run.
//
// It runs the binary that users run, as child processes: their time and peak
// memory count from the start of the process to its end. Inputs are made by child
// processes too, always the same, so that this process stays small: Linux charges a
// child at least the memory of the process that started it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench-data: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) > 0 && args[0] == makeCommand {
		return runMake(args[1:])
	}
	flags := flag.NewFlagSet("bench-data", flag.ContinueOnError)
	size := flags.String("size", "full", "how much data: full or small")
	bin := flags.String("bin", "bin", "folder of slipway")
	peers := flags.String("peers", filepath.Join(".deps", "bench-venv"), "Python environment of the peers; what it lacks is reported as not installed")
	source := flags.String("source", filepath.Join("examples", "bench", "data"), "folder of schema.yaml and the peers' scripts")
	temp := flags.String("temp", "", "folder for the data, made inside and removed at the end; the default is the system's")
	only := flags.String("only", "", "only this part: versions or validation")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	s, ok := sizes[*size]
	if !ok {
		return fmt.Errorf("size %q: it is full or small", *size)
	}
	if *only != "" && *only != "versions" && *only != "validation" {
		return fmt.Errorf("part %q: it is versions or validation", *only)
	}
	b := &bench{size: s}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	for _, p := range []struct {
		to   *string
		path string
	}{{&b.slipway, filepath.Join(*bin, "slipway")}, {&b.peers, *peers}, {&b.source, *source}} {
		if *p.to, err = filepath.Abs(p.path); err != nil {
			return err
		}
	}
	if b.dir, err = os.MkdirTemp(*temp, "bench-data-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()

	if *only != "validation" {
		if err := b.versions(ctx); err != nil {
			return err
		}
	}
	if *only != "versions" {
		if err := b.validation(ctx); err != nil {
			return err
		}
	}
	printTable(os.Stdout, *size, b.lines)
	return nil
}

// bench is one run of the benchmark.
type bench struct {
	size                              size
	self, slipway, peers, source, dir string
	lines                             []line
}

// size says how much data a run takes.
type size struct {
	blob     int64 // bytes of the file that does not compress
	files    int   // files of fileSize
	rows     int   // of the Parquet table
	slowRows int   // of that for a peer which takes minutes for all of them
	csvRows  int
	runs     int // measured runs, of which the median counts
	limit    int // seconds after which a run is killed
	enough   int // seconds after which a peer is not run again
}

const fileSize = 4096

var sizes = map[string]size{
	"full":  {blob: 2 << 30, files: 100_000, rows: 10_000_000, slowRows: 1_000_000, csvRows: 1_000_000, runs: 3, limit: 300, enough: 30},
	"small": {blob: 256 << 20, files: 10_000, rows: 1_000_000, slowRows: 200_000, csvRows: 250_000, runs: 3, limit: 120, enough: 10},
}

// progress tells what is under way, apart from the table.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "    "+format+"\n", args...)
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// input makes a file or folder in a child process.
func (b *bench) input(ctx context.Context, kind, path string, numbers ...int64) error {
	args := []string{b.self, makeCommand, kind, path}
	for _, n := range numbers {
		args = append(args, strconv.FormatInt(n, 10))
	}
	_, err := b.exec(ctx, command{args: args})
	return err
}
