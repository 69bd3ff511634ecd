package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// peer checks the same table with the same checks.
type peer struct {
	name, script string
	slow         bool // takes minutes for all rows: it gets fewer
	target       target
}

func (b *bench) validationPeers() []peer {
	return []peer{
		{name: "pandera on pandas", script: "pandera_pandas.py", target: asFast(2)},
		{name: "pandera on polars", script: "pandera_polars.py", target: asFast(2)},
		{name: "Great Expectations on pandas", script: "ge_pandas.py", slow: true, target: asFast(20)},
	}
}

// validation measures data validate on one table as Parquet and as CSV.
func (b *bench) validation(ctx context.Context) error {
	table, short, broken, text := b.path("table.parquet"), b.path("short.parquet"), b.path("broken.parquet"), b.path("table.csv")
	b.progress("making a table of %d rows", b.size.rows)
	const good, brokenRows = -1, 10_000
	for _, in := range []struct {
		kind, path string
		rows       int
		wrong      int64
	}{{kindParquet, table, b.size.rows, good}, {kindParquet, short, b.size.slowRows, good}, {kindParquet, broken, brokenRows, brokenRows / 2}, {kindCSV, text, b.size.csvRows, good}} {
		if err := b.input(ctx, in.kind, in.path, int64(in.rows), in.wrong); err != nil {
			return err
		}
	}
	if err := b.refuses(ctx, broken); err != nil {
		return err
	}
	var ours figure
	for run := range b.size.runs {
		b.progress("data validate of %d rows of Parquet, run %d of %d", b.size.rows, run+1, b.size.runs)
		ours.add(b.validate(ctx, table))
	}
	if ours.absent != "" {
		return fmt.Errorf("data validate: %s", ours.absent)
	}
	what := fmt.Sprintf("`data validate` of %s rows × 20 columns of Parquet, 20 checks", millions(b.size.rows))
	rate := float64(b.size.rows) / ours.seconds()
	speed := fmt.Sprintf("%.2f M rows/s", rate/1e6)
	b.lines = append(b.lines,
		line{what: what, ours: ours, note: speed, target: alone("2 M rows/s", rate >= 2e6)},
		line{what: what, ours: ours, target: alone("under 512 MiB", ours.peak() < 512<<20)})
	for _, p := range b.validationPeers() {
		l := line{what: what, ours: ours, against: p.name, target: p.target}
		input := table
		if p.slow {
			input = short
			l.theirs.scale = float64(b.size.rows) / float64(b.size.slowRows)
			l.remark = fmt.Sprintf("measured on %s rows, time × %g", millions(b.size.slowRows), l.theirs.scale)
		}
		for !b.enough(&l.theirs) {
			b.progress("%s, run %d", p.name, len(l.theirs.samples)+1)
			l.theirs.add(b.peer(ctx, p, input, broken, len(l.theirs.samples) == 0))
		}
		b.lines = append(b.lines, l)
	}
	if err := b.csv(ctx, text); err != nil {
		return err
	}
	return b.clear("table.parquet", "short.parquet", "broken.parquet", "table.csv")
}

// csv measures one core: Go is told to use no more.
func (b *bench) csv(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	var one figure
	for run := range b.size.runs {
		b.progress("data validate of %d rows of CSV, run %d of %d", b.size.csvRows, run+1, b.size.runs)
		one.add(b.validate(ctx, path, "GOMAXPROCS=1"))
	}
	if one.absent != "" {
		return fmt.Errorf("data validate: %s", one.absent)
	}
	rate := float64(info.Size()) / 1e6 / one.seconds()
	b.lines = append(b.lines, line{
		what: fmt.Sprintf("`data validate` of %s rows of CSV (%.0f MB) on one core, 20 checks", millions(b.size.csvRows), float64(info.Size())/1e6),
		ours: one, note: fmt.Sprintf("%.0f MB/s", rate), target: alone("100 MB/s per core", rate >= 100)})
	return nil
}

func (b *bench) validate(ctx context.Context, path string, env ...string) (sample, error) {
	return b.exec(ctx, command{env: env, args: []string{b.slipway, "data", "validate", path, "--schema", filepath.Join(b.source, "schema.yaml"), "-o", "json"}})
}

// refuses makes sure that the checks work: one wrong row is found.
func (b *bench) refuses(ctx context.Context, broken string) error {
	const notValid = 3 // documented in docs/cli.md
	_, err := b.validate(ctx, broken)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != notValid {
		return fmt.Errorf("data validate did not refuse a table with a wrong row: %w", err)
	}
	return nil
}

// outcome is what a peer's script prints.
type outcome struct {
	Seconds float64 `json:"seconds"` // without starting Python and its imports
	Passed  bool    `json:"passed"`
	Why     string  `json:"why"`
}

// peer runs a peer's script; the first time also on the table with the wrong row, which it must refuse.
func (b *bench) peer(ctx context.Context, p peer, table, broken string, first bool) (sample, error) {
	if first {
		_, out, err := b.script(ctx, p, broken)
		if err != nil {
			return sample{}, err
		}
		if out.Passed {
			return sample{}, errors.New("did not refuse a table with a wrong row")
		}
	}
	s, out, err := b.script(ctx, p, table)
	if err != nil {
		return s, err
	}
	if !out.Passed {
		return s, fmt.Errorf("refused the good table: %s", out.Why)
	}
	s.seconds = out.Seconds
	return s, nil
}

func (b *bench) script(ctx context.Context, p peer, table string) (sample, outcome, error) {
	python := filepath.Join(b.peers, "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return sample{}, outcome{}, errors.New(notInstalled)
	}
	s, err := b.exec(ctx, command{args: []string{python, filepath.Join(b.source, "peers", p.script), table}, env: []string{"GX_ANALYTICS_ENABLED=false"}})
	if err != nil {
		if strings.Contains(err.Error(), "ModuleNotFoundError") {
			err = errors.New(notInstalled)
		}
		return s, outcome{}, err
	}
	var out outcome
	if err := json.Unmarshal(s.stdout, &out); err != nil {
		return s, outcome{}, fmt.Errorf("%s: %w: %q", p.script, err, s.stdout)
	}
	return s, out, nil
}

func millions(n int) string { return fmt.Sprintf("%g M", float64(n)/1e6) }
