package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const notInstalled = "not installed"

// dvcRepository is a new git repository with DVC in it, as its tutorial makes one.
type dvcRepository struct {
	b   *bench
	dir string
}

func (b *bench) dvcBinary() string { return filepath.Join(b.peers, "bin", "dvc") }

// hasDVC tells whether DVC and git are there, and notes it where they are not.
func (b *bench) hasDVC(t *track) bool {
	_, err := os.Stat(b.dvcBinary())
	if err == nil {
		_, err = exec.LookPath("git")
	}
	if err != nil {
		for i := range t.times {
			t.times[i].absent = notInstalled
		}
	}
	return err == nil
}

func (b *bench) newDVC(ctx context.Context) (*dvcRepository, error) {
	r := &dvcRepository{b: b, dir: b.path(filepath.Join("dvc", "repository"))}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, err
	}
	dvc := b.dvcBinary()
	for _, args := range [][]string{
		{"git", "init", "-q"},
		{dvc, "init", "-q"},
		// What DVC remembers of files it has seen: new with the repository, not that of an earlier run.
		{dvc, "config", "core.site_cache_dir", b.path(filepath.Join("dvc", "site"))},
		{dvc, "config", "core.analytics", "false"},
		{dvc, "config", "core.check_update", "false"},
	} {
		if _, err := b.exec(ctx, command{args: args, dir: r.dir}); err != nil {
			return nil, fmt.Errorf("set up DVC: %w", err)
		}
	}
	return r, nil
}

func (r *dvcRepository) add(ctx context.Context, name string) (sample, error) {
	return r.b.exec(ctx, command{args: []string{r.b.dvcBinary(), "add", "-q", name}, dir: r.dir})
}

func (r *dvcRepository) checkout(ctx context.Context, name string) (sample, error) {
	return r.b.exec(ctx, command{args: []string{r.b.dvcBinary(), "checkout", "-q", name}, dir: r.dir})
}

func (r *dvcRepository) cache() string { return filepath.Join(r.dir, ".dvc", "cache") }
