package artifacts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

const (
	// getBatch and getBytes bound the files got together: after so many the file system is
	// synced, which takes long where others write to it too.
	getBatch = 16 << 10
	getBytes = 256 << 20
	// readGap and readSpan bound what is read of a pack at once: blobs that are
	// no further apart, in bytes, and no more in all.
	readGap  = 64 << 10
	readSpan = packTarget
	// spanFiles bounds the files that one worker writes of it, or the others would have nothing to do.
	spanFiles = 512
	// writebackFrom is the size in bytes from which on a file is sent to the disk at once. Smaller ones
	// are better written together by the sync.
	writebackFrom = 1 << 20
)

// Get writes files of a tree below the folder to, which is made. Paths picks
// files and folders of the tree; none picks all; one that picks nothing
// fails with ErrNotFound. A file that has the content already is kept, any other
// file is replaced, what else is in the folder is left alone. Nothing is ever
// written outside of it, not through symbolic links in it either. A file is verified
// before it gets its name; it fails with ErrDamaged. Once Get has returned all files
// survive a power cut; before, each of them is whole or not there. Temporary files
// that a killed Get left are removed by one a day later.
func (r *Repository) Get(ctx context.Context, tree Digest, paths []string, to string, progress func(Progress)) error {
	if err := r.get(ctx, tree, paths, to, &meter{tell: progress}); err != nil {
		return r.fail(ctx, "get", tree, err)
	}
	return nil
}

func (r *Repository) get(ctx context.Context, tree Digest, paths []string, to string, tell *meter) (err error) {
	leaves, err := r.leaves(ctx, tree)
	if err != nil {
		return err
	}
	want, err := newSelection(paths)
	if err != nil {
		return err
	}
	var entries []Entry
	for e, err := range r.walkLeaves(ctx, leaves) {
		if err != nil {
			return err
		}
		if want.has(e.Path) {
			entries = append(entries, e)
			tell.add(Progress{FilesTotal: 1, BytesTotal: e.Size})
		}
	}
	if err := want.missing(); err != nil {
		return err
	}
	if to, err = filepath.Abs(to); err != nil {
		return err
	}
	if err := makeDir(to); err != nil {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	placing, err := newPlacing(root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, placing.close()) }()
	g := &getter{r: r, tell: tell, placing: placing}
	for len(entries) > 0 {
		n := batchOf(entries)
		if err := g.batch(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return g.syncFolders()
}

// batchOf returns how many of the files are got together.
func batchOf(entries []Entry) int {
	var size int64
	for n, e := range entries {
		if size += e.Size; n > 0 && (n == getBatch || size > getBytes) {
			return n
		}
	}
	return len(entries)
}

// selection is what Get was asked for.
type selection map[string]bool // path → was found

func newSelection(paths []string) (selection, error) {
	s := selection{}
	for _, p := range paths {
		p = strings.TrimSuffix(filepath.ToSlash(p), "/")
		if p == "." {
			return selection{}, nil
		}
		if err := checkPath(p); err != nil {
			return nil, err
		}
		s[p] = false
	}
	return s, nil
}

func (s selection) has(p string) bool {
	if len(s) == 0 {
		return true
	}
	picked := false
	for ; p != "."; p = path.Dir(p) {
		if _, ok := s[p]; ok {
			s[p], picked = true, true
		}
	}
	return picked
}

func (s selection) missing() error {
	for p, found := range s {
		if !found {
			return fmt.Errorf("the tree has no %q: %w", clip(p), ErrNotFound)
		}
	}
	return nil
}

// getter is one Get at work.
type getter struct {
	r    *Repository
	tell *meter
	*placing
}

// wanted is a file to be written.
type wanted struct {
	entry Entry
	blob  blobindex.Blob
}

func (g *getter) batch(ctx context.Context, entries []Entry) error {
	for _, e := range entries {
		if err := g.folder(filepath.FromSlash(path.Dir(e.Path))); err != nil {
			return err
		}
	}
	todo, err := g.without(ctx, entries)
	if err != nil {
		return err
	}
	sums := make([]blobindex.Sum, len(todo))
	for i, e := range todo {
		if sums[i], err = sumOf(e.Digest); err != nil {
			return err
		}
	}
	found, err := g.r.find(ctx, sums, false)
	if err != nil {
		return err
	}
	var small []wanted
	for i, e := range todo {
		b, ok := found[sums[i]]
		switch {
		case !ok || b.Kind == blobindex.Chunk:
			return fmt.Errorf("content of %s, %s: %w", e.Path, e.Digest, ErrNotFound)
		case b.Kind == blobindex.List:
			if err := g.large(ctx, e); err != nil {
				return fmt.Errorf("%s: %w", e.Path, err)
			}
		default:
			small = append(small, wanted{e, b})
		}
	}
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(g.r.opts.Workers)
	for _, span := range spans(small) {
		workers.Go(func() error { return g.span(ctx, span) })
	}
	if err := workers.Wait(); err != nil {
		return err
	}
	return g.finish()
}

// without leaves out the files that are there already.
func (g *getter) without(ctx context.Context, entries []Entry) ([]Entry, error) {
	same := make([]bool, len(entries))
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(g.r.opts.Workers)
	for some := range slices.Chunk(rangeOf(len(entries)), 64) {
		workers.Go(func() (err error) {
			for _, i := range some {
				if same[i], err = g.same(ctx, entries[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		return nil, err
	}
	var todo []Entry
	for i, e := range entries {
		if same[i] {
			g.tell.add(Progress{Files: 1, Bytes: e.Size})
		} else {
			todo = append(todo, e)
		}
	}
	return todo, nil
}

func rangeOf(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// same tells whether a file is there and has the content.
func (g *getter) same(ctx context.Context, e Entry) (_ bool, err error) {
	name := filepath.FromSlash(e.Path)
	info, err := g.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.IsDir() {
		return false, fmt.Errorf("%s is a folder and a file is to take its place: remove it first", filepath.Join(g.root.Name(), name))
	}
	if !info.Mode().IsRegular() || info.Size() != e.Size {
		return false, nil
	}
	f, err := g.root.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	_, err = io.CopyBuffer(h, &source{ctx: ctx, r: f, left: e.Size}, make([]byte, min(e.Size+1, copyBuffer)))
	if errors.Is(err, ErrTooLarge) { // it grows
		return false, nil
	}
	return sumDigest(h) == e.Digest, err
}

// spans groups small files by what is read of a pack at once.
func spans(small []wanted) [][]wanted {
	slices.SortFunc(small, func(a, b wanted) int {
		return cmp.Or(strings.Compare(a.blob.Pack, b.blob.Pack), cmp.Compare(a.blob.Offset, b.blob.Offset))
	})
	var all [][]wanted
	for begin := 0; begin < len(small); {
		end := begin + 1
		for ; end < len(small); end++ {
			last, next := small[end-1].blob, small[end].blob
			if next.Pack != last.Pack || next.Offset > last.Offset+last.Stored+readGap || next.Offset+next.Stored > small[begin].blob.Offset+readSpan || end-begin == spanFiles {
				break
			}
		}
		all, begin = append(all, small[begin:end]), end
	}
	return all
}

// span reads a part of a pack and writes the files in it.
func (g *getter) span(ctx context.Context, files []wanted) error {
	first, last := files[0].blob, files[len(files)-1].blob
	if err := errors.Join(checkBlob(first), checkBlob(last)); err != nil {
		return err
	}
	b, readErr := g.r.store.readRange(ctx, packKeyOf(packPrefix, first.Pack), first.Offset, last.Offset+last.Stored-first.Offset)
	for _, w := range files {
		var data []byte
		var err error
		if at := w.blob.Offset - first.Offset; readErr == nil && at+w.blob.Stored <= int64(len(b)) && checkBlob(w.blob) == nil {
			data, err = g.r.decode(ctx, w.blob, b[at:at+w.blob.Stored])
		} else {
			// One by one: the pack may have been rewritten since, and the error is
			// about the file it concerns.
			_, data, err = g.r.content(ctx, blobindex.Data, w.blob.Sum)
		}
		if err == nil {
			err = g.write(w.entry, func(to io.Writer, _ hash.Hash) error { _, err := to.Write(data); return err }, false)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.entry.Path, err)
		}
	}
	return nil
}

// large writes a file of many chunks.
func (g *getter) large(ctx context.Context, e Entry) (err error) {
	f, err := g.r.open(ctx, e.Digest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return g.write(e, func(to io.Writer, h hash.Hash) error { return f.copyTo(to, h) }, true)
}

// write makes a file, under a temporary name until the batch is done. With check, fill hashes what it writes, and the hash must be the file's.
func (g *getter) write(e Entry, fill func(io.Writer, hash.Hash) error, check bool) (err error) {
	name := filepath.FromSlash(e.Path)
	f, temp, err := g.create(name)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = g.root.Remove(temp)
		}
	}()
	h := sha256.New()
	if err := fill(f, h); err != nil {
		return err
	}
	if check && sumDigest(h) != e.Digest {
		return fmt.Errorf("%w: its chunks do not make up %s", errPacked, e.Digest)
	}
	if e.Size >= writebackFrom {
		startWriteback(f)
	}
	if err := f.Close(); err != nil {
		return err
	}
	g.add(temp, name)
	g.tell.add(Progress{Files: 1, Bytes: e.Size})
	return nil
}
