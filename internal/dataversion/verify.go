package dataversion

import (
	"context"
	"errors"
	"iter"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Damage is one thing that Verify found wrong.
type Damage struct {
	// Version is the data version that the damage is in, as name@version; empty for what no version needs.
	Version string `json:"version,omitempty"`
	// Path is the damaged file of the version.
	Path string `json:"path,omitempty"`
	// Object is the key in the store, Blob names the damaged part: its digest, or blake3:… of a chunk of a large file.
	Object string `json:"object,omitempty"`
	Blob   string `json:"blob,omitempty"`
	Reason string `json:"reason"`
}

// Verified is the result of Verify.
type Verified struct {
	Versions int64 `json:"versions"`
	Files    int64 `json:"files"`
	Blobs    int64 `json:"blobs"`
	Bytes    int64 `json:"bytes"` // read from the store
	Damaged  int64 `json:"damaged"`
	// Bad is the parts of trees that are damaged or missing, for Forget. What only
	// cannot be decrypted with the keys that are set is not among them.
	Bad []artifacts.BlobName `json:"-"`
}

// Verify reads and hashes every stored byte of the versions and reports what is
// damaged. It goes on after damage; the error is about what kept it from looking.
// Without versions it looks at everything in the store: all versions, what the
// repository holds beside them, and every model, report and other blob.
// Progress, which may be nil, counts objects of the store as files.
func (l *Library) Verify(ctx context.Context, versions []catalog.DataVersion, report func(Damage), progress func(artifacts.Progress)) (Verified, error) {
	v := &verifying{l: l, report: report, progress: progress, labels: map[artifacts.Digest]string{}, bad: map[artifacts.BlobName]bool{}, uploaded: map[artifacts.Digest]string{}}
	all := len(versions) == 0
	if all {
		var err error
		if versions, err = l.kept(ctx); err != nil {
			return v.result, err
		}
	}
	var trees []artifacts.Digest
	for _, d := range versions {
		if err := usable(d); err != nil {
			return v.result, err
		}
		v.result.Versions++
		v.result.Files += d.FileCount
		if d.Tree {
			v.labels[artifacts.Digest(d.Digest)] = d.Label()
			trees = append(trees, artifacts.Digest(d.Digest))
			continue
		}
		for _, e := range uploaded(d.Files) {
			v.expect(e.Size)
		}
	}
	if all {
		if err := v.listBlobs(ctx); err != nil {
			return v.result, err
		}
	}
	for _, d := range versions {
		if err := v.uploads(ctx, d); err != nil {
			return v.result, err
		}
	}
	for _, d := range v.blobs {
		if err := v.blob(ctx, d); err != nil {
			return v.result, err
		}
	}
	return v.result, v.trees(ctx, trees, all)
}

// kept lists all versions whose content must be there, with their files.
func (l *Library) kept(ctx context.Context) ([]catalog.DataVersion, error) {
	list, err := l.catalog.ListData(ctx, catalog.DataFilter{Deleted: true})
	if err != nil {
		return nil, err
	}
	var kept []catalog.DataVersion
	for _, d := range list {
		if !d.CollectedAt.IsZero() {
			continue
		}
		if !d.Tree {
			if d, err = l.catalog.Data(ctx, d.Digest); err != nil {
				return nil, err
			}
		}
		kept = append(kept, d)
	}
	return kept, nil
}

type verifying struct {
	l        *Library
	report   func(Damage)
	progress func(artifacts.Progress)
	now      artifacts.Progress
	blobs    []artifacts.Ref // all of the store
	labels   map[artifacts.Digest]string
	bad      map[artifacts.BlobName]bool
	// uploaded says what is wrong with each uploaded file that was read; empty: nothing.
	uploaded map[artifacts.Digest]string
	result   Verified
}

// listBlobs takes in every blob of the store.
func (v *verifying) listBlobs(ctx context.Context) error {
	v.now.FilesTotal, v.now.BytesTotal = 0, 0 // uploaded files are blobs too
	for ref, err := range v.l.store.List(ctx) {
		if err != nil {
			return err
		}
		v.blobs = append(v.blobs, ref)
		v.expect(ref.Size)
	}
	return nil
}

// expect adds an object to what is to be read.
func (v *verifying) expect(size int64) {
	v.now.FilesTotal++
	v.now.BytesTotal += size
}

// read verifies a blob once and tells what is wrong with it; "" is nothing.
func (v *verifying) read(ctx context.Context, d artifacts.Digest, size int64) (reason string, err error) {
	reason, known := v.uploaded[d]
	if known {
		return reason, nil
	}
	err = v.l.store.Verify(ctx, d)
	switch {
	case err == nil:
		v.result.Blobs++
		v.result.Bytes += size
	case errors.Is(err, artifacts.ErrDamaged), errors.Is(err, artifacts.ErrNotFound), errors.Is(err, artifacts.ErrKey):
		reason = err.Error()
	default:
		return "", err
	}
	v.uploaded[d] = reason
	v.now.Files++
	v.now.Bytes += size
	if v.progress != nil {
		v.progress(v.now)
	}
	return reason, nil
}

// uploads verifies the files of a version that a release uploaded.
func (v *verifying) uploads(ctx context.Context, d catalog.DataVersion) error {
	if d.Tree {
		return nil
	}
	for _, e := range uploaded(d.Files) {
		reason, err := v.read(ctx, e.Digest, e.Size)
		if err != nil {
			return err
		}
		if reason != "" {
			v.result.Damaged++
			v.report(Damage{Version: d.Label(), Path: e.Path, Blob: string(e.Digest), Reason: reason})
		}
	}
	return nil
}

// blob verifies a blob that no version is known to need: a model, a report, a segment of a log.
func (v *verifying) blob(ctx context.Context, ref artifacts.Ref) error {
	if _, known := v.uploaded[ref.Digest]; known {
		return nil // and reported with its version
	}
	reason, err := v.read(ctx, ref.Digest, ref.Size)
	if err == nil && reason != "" {
		v.result.Damaged++
		v.report(Damage{Blob: string(ref.Digest), Reason: reason})
	}
	return err
}

// trees verifies trees and, with all, what else the repository holds: another
// version may come to count on it. Damage is only named by file if trees are
// given, so that everything is read once and, when something is wrong, the trees again.
func (v *verifying) trees(ctx context.Context, trees []artifacts.Digest, all bool) error {
	if !all {
		if len(trees) == 0 {
			return nil
		}
		return v.repository(ctx, seq(trees), func(d artifacts.Damage) { v.found(d) })
	}
	var unnamed []artifacts.Damage
	if err := v.repository(ctx, nil, func(d artifacts.Damage) { unnamed = append(unnamed, d) }); err != nil {
		return err
	}
	if len(unnamed) > 0 && len(trees) > 0 {
		named := v.result
		if err := v.repository(ctx, seq(trees), func(d artifacts.Damage) { v.found(d) }); err != nil {
			return err
		}
		named.Damaged, named.Bad = v.result.Damaged, v.result.Bad
		v.result = named
	}
	for _, d := range unnamed {
		if !v.bad[d.Blob] {
			v.found(d)
		}
	}
	return nil
}

func (v *verifying) repository(ctx context.Context, trees iter.Seq2[artifacts.Digest, error], report func(artifacts.Damage)) error {
	before := v.now
	found, err := v.l.repository.Verify(ctx, trees, report, func(p artifacts.Progress) {
		v.now = artifacts.Progress{
			Files: before.Files + p.Files, FilesTotal: before.FilesTotal + p.FilesTotal,
			Bytes: before.Bytes + p.Bytes, BytesTotal: before.BytesTotal + p.BytesTotal,
		}
		if v.progress != nil {
			v.progress(v.now)
		}
	})
	v.result.Blobs += found.Blobs
	v.result.Bytes += found.Bytes
	return err
}

func (v *verifying) found(d artifacts.Damage) {
	v.result.Damaged++
	if d.Blob != "" && !v.bad[d.Blob] {
		v.bad[d.Blob] = true
		if !errors.Is(d.Err, artifacts.ErrKey) { // with the right key it is whole
			v.result.Bad = append(v.result.Bad, d.Blob)
		}
	}
	out := Damage{Version: v.labels[d.Tree], Path: d.Path, Object: d.Object, Blob: string(d.Blob)}
	if d.Err != nil {
		out.Reason = d.Err.Error()
	}
	v.report(out)
}

// Forget takes damaged blobs off the record, so that adding the same data again stores them anew.
func (l *Library) Forget(ctx context.Context, blobs []artifacts.BlobName) error {
	return l.repository.Forget(ctx, blobs)
}

func seq(digests []artifacts.Digest) iter.Seq2[artifacts.Digest, error] {
	return func(yield func(artifacts.Digest, error) bool) {
		for _, d := range digests {
			if !yield(d, nil) {
				return
			}
		}
	}
}
