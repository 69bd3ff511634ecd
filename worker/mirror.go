package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mirror"
	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

// mirrorConfig says where runs are written to as well.
type mirrorConfig struct {
	// Target is the address of an MLflow tracking server, without credentials; empty: nowhere.
	Target string
	// Experiment takes all runs there; empty: the one that is named as the run's own here.
	Experiment string
	// Runs is releases or all.
	Runs string
	// MaxArtifactMB bounds one artifact, in MiB.
	MaxArtifactMB int
}

// What is mirrored.
const (
	mirrorReleases = "releases"
	mirrorAll      = "all"
)

func defaultMirror() mirrorConfig {
	return mirrorConfig{
		Target: env("SLIPWAY_MIRROR", ""), Experiment: env("SLIPWAY_MIRROR_EXPERIMENT", ""), Runs: env("SLIPWAY_MIRROR_RUNS", mirrorReleases), MaxArtifactMB: 64,
	}
}

func (m *mirrorConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&m.Target, "mirror", m.Target, "MLflow tracking server that runs are written to as well, as https://mlflow.example.org; default none (SLIPWAY_MIRROR)")
	f.StringVar(&m.Experiment, "mirror-experiment", m.Experiment, "experiment there for all runs; default: the name of each run's own (SLIPWAY_MIRROR_EXPERIMENT)")
	f.StringVar(&m.Runs, "mirror-runs", m.Runs, "which runs: releases, or all that clients log too (SLIPWAY_MIRROR_RUNS)")
	f.IntVar(&m.MaxArtifactMB, "mirror-max-artifact-mb", m.MaxArtifactMB, "most MiB of an artifact that is mirrored")
}

// settle refuses what can't be meant.
func (m *mirrorConfig) settle() error {
	switch u, err := url.Parse(m.Target); {
	case m.Runs != mirrorReleases && m.Runs != mirrorAll:
		return usageError{fmt.Errorf("--mirror-runs %q: want %s or %s", m.Runs, mirrorReleases, mirrorAll)}
	case m.MaxArtifactMB < 1:
		return usageError{fmt.Errorf("--mirror-max-artifact-mb %d: want at least 1", m.MaxArtifactMB)}
	case m.Target == "":
	case err != nil:
		return usageError{errors.New("--mirror: it is not a URL")} // not its words: they may have a password
	case u.User != nil:
		return usageError{errors.New("--mirror: the address has credentials, which logs would show: set SLIPWAY_MIRROR_TOKEN, or SLIPWAY_MIRROR_USERNAME and SLIPWAY_MIRROR_PASSWORD")}
	}
	return nil
}

// mirrorCredentials come by environment or file, never as an argument that others can list.
func mirrorCredentials() (mlflowclient.Credentials, error) {
	with := mlflowclient.Credentials{Token: os.Getenv("SLIPWAY_MIRROR_TOKEN"), User: os.Getenv("SLIPWAY_MIRROR_USERNAME"), Password: os.Getenv("SLIPWAY_MIRROR_PASSWORD")}
	file := os.Getenv("SLIPWAY_MIRROR_TOKEN_FILE")
	if file == "" {
		return with, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return with, fmt.Errorf("SLIPWAY_MIRROR_TOKEN_FILE: %w", err)
	}
	if with.Token = strings.TrimSpace(string(b)); with.Token == "" {
		return with, fmt.Errorf("SLIPWAY_MIRROR_TOKEN_FILE: %s is empty: it must hold the token", file)
	}
	return with, nil
}

// newMirror makes the mirror; nil where none is asked for.
func (p *platform) newMirror() (*mirror.Mirror, error) {
	cfg := p.cfg.Mirror
	if cfg.Target == "" {
		return nil, nil
	}
	with, err := mirrorCredentials()
	if err != nil {
		return nil, err
	}
	server, err := mlflowclient.New(cfg.Target, with)
	if err != nil {
		return nil, usageError{fmt.Errorf("--mirror: %w", err)}
	}
	return mirror.New(mirror.Config{
		Catalog: p.catalog, Repository: p.tracked, Server: server, Experiment: cfg.Experiment, All: cfg.Runs == mirrorAll,
		MaxArtifact: int64(cfg.MaxArtifactMB) << 20, Log: p.log,
	})
}

// startMirror has the catalog note which runs change.
func (p *platform) startMirror(ctx context.Context) error {
	_, err := p.catalog.StartMirror(ctx, p.cfg.Mirror.Target, catalog.Mark{Key: "mirror/" + rand.Text(), Actor: "slipwayd", Reason: "started with --mirror"})
	return err
}
