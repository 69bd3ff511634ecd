package dataversion

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// CollectOptions of Collect.
type CollectOptions struct {
	// Grace is how long a part must have been left alone before it is deleted; 0 means artifacts.DefaultGrace, negative none.
	Grace time.Duration
	// DryRun counts and changes nothing.
	DryRun bool
	// Progress may be nil; see artifacts.GCOptions.
	Progress func(artifacts.Progress)
}

// Collected is the result of Collect.
type Collected struct {
	// Versions are those whose content was given up, as name@version.
	Versions []string `json:"versions"`
	artifacts.GCResult
}

// Collect gives up the versions whose retention has ended and deletes what no
// version needs. It may run beside everything else and be interrupted at any
// time. The mark's key is that of the whole collection.
func (l *Library) Collect(ctx context.Context, o CollectOptions, m catalog.Mark) (Collected, error) {
	expired, err := l.catalog.ExpiredData(ctx)
	if err != nil {
		return Collected{}, err
	}
	out := Collected{Versions: []string{}}
	without := map[string]bool{}
	for _, d := range expired {
		if !o.DryRun {
			// In the catalog first: from here on nobody restores the version or counts on it.
			step := catalog.Mark{Key: m.Key + "/" + d.Digest, Actor: m.Actor, Reason: m.Reason}
			if d, err = l.catalog.CollectData(ctx, d.Digest, step); err != nil {
				return out, err
			}
			if d.CollectedAt.IsZero() {
				continue // restored or held meanwhile
			}
		}
		without[d.Digest] = true
		out.Versions = append(out.Versions, d.Label())
	}
	if !o.DryRun {
		without = nil // what was saved again since is a root again
	}
	out.GCResult, err = l.repository.GC(ctx, l.roots(ctx, without), artifacts.GCOptions{Grace: o.Grace, DryRun: o.DryRun, Progress: o.Progress})
	if err != nil {
		return out, fmt.Errorf("collect garbage: %w", err)
	}
	return out, nil
}

// roots yields the trees that must be kept, data versions in without left out: data
// versions and the artifacts of runs, which are in the same repository.
func (l *Library) roots(ctx context.Context, without map[string]bool) iter.Seq2[artifacts.Digest, error] {
	return func(yield func(artifacts.Digest, error) bool) {
		for digest, err := range l.catalog.DataRoots(ctx) {
			if err == nil && without[digest] {
				continue
			}
			if !yield(artifacts.Digest(digest), err) || err != nil {
				return
			}
		}
		for tree, err := range l.catalog.TrackedRoots(ctx) {
			if !yield(artifacts.Digest(tree), err) || err != nil {
				return
			}
		}
	}
}
