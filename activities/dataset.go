package activities

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// Datasets keeps data versions: what `slipway data` does, on a worker's host.
// It reads and writes files of the host below two folders only.
type Datasets struct {
	Library *dataversion.Library
	// ImportRoot is the folder that data may be added from; empty: nothing can be added here.
	ImportRoot string
	// ExportRoot is the folder that data may be written to; empty: nothing can be got here.
	ExportRoot string
	// MaskKey, where given, masks personal columns in what Get writes and Check reports.
	MaskKey []byte
}

// Limits of results: they travel in the workflow's history.
const (
	maxListed   = 1000
	usualListed = 100
)

// stepMark is the idempotency mark of an activity that belongs to no release: a
// second attempt at it finds the first one's result.
func stepMark(ctx context.Context, actor, reason string) catalog.Mark {
	info := activity.GetInfo(ctx)
	return catalog.Mark{Key: "activity/" + info.WorkflowExecution.ID + "/" + info.WorkflowExecution.RunID + "/" + info.ActivityID, Actor: actor, Reason: reason}
}

// Add makes a file or folder below the import folder a data version.
func (d *Datasets) Add(ctx context.Context, in contract.AddDataInput) (contract.AddDataOutput, error) {
	path, err := d.importPath(in.Path)
	if err != nil {
		return contract.AddDataOutput{}, err
	}
	report, stop := beating(ctx)
	defer stop()
	added, err := d.Library.Add(ctx, path, dataversion.NewVersion{Name: in.Name, Description: in.Description}, stepMark(ctx, in.By, ""), func(p artifacts.Progress) {
		report(int(p.Bytes), int(p.BytesTotal), "bytes")
	})
	if errors.Is(err, artifacts.ErrUnsupported) || errors.Is(err, fs.ErrNotExist) {
		err = invalid{err}
	}
	if err != nil {
		return contract.AddDataOutput{}, err
	}
	v := added.Version
	return contract.AddDataOutput{Version: versionOf(v), Existed: added.Existed, Files: v.FileCount, Bytes: v.Bytes, Stored: added.Stored}, nil
}

// importPath is where a path below the import folder is; symbolic links do not lead out of it.
func (d *Datasets) importPath(path string) (string, error) {
	if d.ImportRoot == "" {
		return "", invalid{errors.New("this worker has no import folder: no data can be added here")}
	}
	local := filepath.FromSlash(path)
	if !filepath.IsLocal(local) {
		return "", invalid{fmt.Errorf("path %q: want one below the worker's import folder, relative to it", path)}
	}
	root, err := filepath.EvalSymlinks(d.ImportRoot)
	if err != nil {
		return "", fmt.Errorf("import folder: %w", err)
	}
	found, err := filepath.EvalSymlinks(filepath.Join(root, local))
	if err != nil {
		return "", invalid{fmt.Errorf("path %q: %w", path, err)}
	}
	inside, err := filepath.Rel(root, found)
	if err != nil || !filepath.IsLocal(inside) {
		return "", invalid{fmt.Errorf("path %q leads out of the worker's import folder", path)}
	}
	return found, nil
}

func infoOf(d catalog.DataVersion) contract.DataInfo {
	return contract.DataInfo{
		DataVersion: versionOf(d), Description: d.Description, Files: d.FileCount, Bytes: d.Bytes, Tags: d.Tags, By: d.Actor, CreatedAt: d.CreatedAt,
		Hold: d.Hold, DeletedAt: d.DeletedAt, KeepUntil: d.KeepUntil, CollectedAt: d.CollectedAt,
	}
}

// List lists data versions, newest first.
func (d *Datasets) List(ctx context.Context, in contract.ListDataInput) (contract.ListDataOutput, error) {
	if in.Limit == 0 {
		in.Limit = usualListed
	}
	if in.Limit < 0 || in.Limit > maxListed {
		return contract.ListDataOutput{}, invalid{fmt.Errorf("limit %d: want 1 to %d", in.Limit, maxListed)}
	}
	found, err := d.Library.Catalog().ListData(ctx, catalog.DataFilter{Name: in.Name, Deleted: in.Deleted, Limit: in.Limit})
	out := contract.ListDataOutput{Versions: make([]contract.DataInfo, len(found))}
	for i, v := range found {
		out.Versions[i] = infoOf(v)
	}
	return out, err
}

// Show is a version with its first files.
func (d *Datasets) Show(ctx context.Context, in contract.DataRef) (contract.ShowDataOutput, error) {
	v, err := d.Library.Catalog().Data(ctx, in.Ref)
	if err != nil {
		return contract.ShowDataOutput{}, err
	}
	out := contract.ShowDataOutput{DataInfo: infoOf(v), Entries: []contract.DataEntry{}}
	if !v.CollectedAt.IsZero() {
		return out, nil
	}
	for e, err := range d.Library.Entries(ctx, v) {
		if err != nil {
			return out, err
		}
		if len(out.Entries) == maxListed {
			break
		}
		out.Entries = append(out.Entries, entryOf(e))
	}
	return out, nil
}

func entryOf(e artifacts.Entry) contract.DataEntry {
	return contract.DataEntry{Path: e.Path, Size: e.Size, Digest: string(e.Digest)}
}

// Diff compares two versions.
func (d *Datasets) Diff(ctx context.Context, in contract.DiffDataInput) (contract.DiffDataOutput, error) {
	_, stop := beating(ctx)
	defer stop()
	out := contract.DiffDataOutput{Changes: []contract.DataChange{}}
	a, err := d.Library.Catalog().Data(ctx, in.A)
	if err != nil {
		return out, err
	}
	b, err := d.Library.Catalog().Data(ctx, in.B)
	if err != nil {
		return out, err
	}
	for c, err := range d.Library.Diff(ctx, a, b) {
		if err != nil {
			return out, err
		}
		change := contract.DataChange{Path: c.Path}
		if c.Before != nil {
			before := entryOf(*c.Before)
			change.Before = &before
		}
		if c.After != nil {
			after := entryOf(*c.After)
			change.After = &after
		}
		switch {
		case c.Before == nil:
			out.Added++
		case c.After == nil:
			out.Removed++
		default:
			out.Changed++
		}
		if len(out.Changes) < maxListed {
			out.Changes = append(out.Changes, change)
		}
	}
	return out, nil
}

// Verify hashes every stored byte of versions again. What is damaged is a result, not an error.
func (d *Datasets) Verify(ctx context.Context, in contract.VerifyDataInput) (contract.VerifyDataOutput, error) {
	_, stop := beating(ctx)
	defer stop()
	var versions []catalog.DataVersion
	for _, ref := range in.Refs {
		v, err := d.Library.Catalog().Data(ctx, ref)
		if err != nil {
			return contract.VerifyDataOutput{}, err
		}
		versions = append(versions, v)
	}
	damage := []contract.DataDamage{}
	found, err := d.Library.Verify(ctx, versions, func(bad dataversion.Damage) {
		if len(damage) < maxListed {
			damage = append(damage, contract.DataDamage{Version: bad.Version, Path: bad.Path, Object: bad.Object, Reason: bad.Reason})
		}
	}, nil)
	return contract.VerifyDataOutput{Versions: found.Versions, Files: found.Files, Bytes: found.Bytes, Damaged: found.Damaged, Damage: damage}, err
}

// Collect frees what deleted versions no longer need. It may run on a schedule, beside everything else.
func (d *Datasets) Collect(ctx context.Context, in contract.CollectDataInput) (contract.CollectDataOutput, error) {
	_, stop := beating(ctx)
	defer stop()
	if in.Grace < 0 {
		return contract.CollectDataOutput{}, invalid{fmt.Errorf("grace %s: others may be writing, want a positive duration", in.Grace)}
	}
	found, err := d.Library.Collect(ctx, dataversion.CollectOptions{Grace: in.Grace, DryRun: in.DryRun}, stepMark(ctx, in.By, ""))
	return contract.CollectDataOutput{Versions: found.Versions, Blobs: found.Blobs, Kept: found.Kept, Freed: found.Freed}, err
}

// keepFor turns the contract's retention into the catalog's.
func keepFor(d time.Duration) time.Duration {
	if d == 0 {
		return catalog.DefaultKeep
	}
	return max(d, 0)
}
