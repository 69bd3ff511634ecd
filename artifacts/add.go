package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Add stores a file or a folder and returns its tree, once all of it will
// survive a crash. What the repository has is not written again; what did not
// change since it was last added is not read again if Options.Cache is set.
//
// A file gives a tree of one entry, named as the file. A folder gives its
// regular files at any depth; empty folders leave no trace. A symbolic link, a
// device or a name that is not UTF-8 fails with ErrUnsupported, and a file that
// changes while it is read with ErrChanged. After a failure or a crash the next
// Add goes on from what is stored.
//
// Progress may be nil. It is called often, by one goroutine at a time, and must be quick.
func (r *Repository) Add(ctx context.Context, path string, progress func(Progress)) (Tree, error) {
	files, err := walk(ctx, path)
	if err != nil {
		return Tree{}, r.fail(ctx, "add", "", err)
	}
	cache, err := openStatCache(r.opts.Cache, path)
	if err != nil {
		return Tree{}, r.fail(ctx, "add", "", err)
	}
	total := Progress{FilesTotal: int64(len(files))}
	for _, f := range files {
		total.BytesTotal += f.stamp.size
	}
	tell := &meter{tell: progress}
	tell.add(total)
	u, within, err := r.begin(ctx, tell)
	if err != nil {
		return Tree{}, r.fail(ctx, "add", "", err)
	}
	a := &adder{upload: u, files: files, cache: cache, entries: make([]Entry, len(files)), saved: time.Now()}
	tree, err := a.run(within)
	if err != nil {
		err = errors.Join(u.abandon(ctx, err), context.Cause(ctx))
	}
	if saved := a.cache.save(); err == nil {
		err = saved
	}
	if err != nil {
		return Tree{}, r.fail(ctx, "add", "", fmt.Errorf("%s: %w", path, err))
	}
	return tree, nil
}

// adder is one Add at work.
type adder struct {
	*upload
	files   []found
	entries []Entry // of files, at the same place

	notes sync.Mutex // guards cache and saved
	cache *statCache
	saved time.Time
}

func (a *adder) run(ctx context.Context) (Tree, error) {
	a.cache.keepOnly(a.files)
	todo, err := a.unchanged(ctx)
	if err != nil {
		return Tree{}, err
	}
	workers, within := errgroup.WithContext(ctx)
	workers.SetLimit(a.r.opts.Workers + 1) // one may wait for the disk
	for len(todo) > 0 && within.Err() == nil {
		n := a.groupOf(todo)
		some := todo[:n]
		todo = todo[n:]
		if n == 1 && a.files[some[0]].stamp.size > wholeMax {
			// It keeps all workers busy by itself.
			if err := a.addLarge(within, some[0]); err != nil {
				workers.Go(func() error { return err })
			}
			continue
		}
		workers.Go(func() error { return a.addSmall(within, some) })
	}
	if err := workers.Wait(); err != nil {
		return Tree{}, err
	}
	if err := context.Cause(ctx); err != nil {
		return Tree{}, err // not all of them were begun
	}
	return a.tree(ctx, a.entries)
}

// groupOf returns how many of the files are worked on together: one large one or
// some small ones.
func (a *adder) groupOf(todo []int) int {
	var size int64
	for n, i := range todo {
		size += a.files[i].stamp.size
		if n > 0 && (size > groupBytes || n == groupCount) {
			return n
		}
	}
	return len(todo)
}

// unchanged fills in the entries whose files did not change and whose content is
// stored, and returns the places of the others.
func (a *adder) unchanged(ctx context.Context) (todo []int, err error) {
	var places []int
	var sums []blobindex.Sum
	for i, f := range a.files {
		if sum, ok := a.cache.find(f); ok {
			places, sums = append(places, i), append(sums, sum)
		} else {
			todo = append(todo, i)
		}
	}
	there, err := a.r.touchFiles(ctx, sums)
	if err != nil {
		return nil, err
	}
	for n, i := range places {
		f := a.files[i]
		if !there[sums[n]] {
			todo = append(todo, i)
			continue
		}
		a.entries[i] = Entry{Path: f.path, Size: f.stamp.size, Digest: digestOfSum(sums[n])}
		a.tell.add(Progress{Files: 1, Bytes: f.stamp.size})
	}
	return todo, nil
}

// touchFiles counts on the content of files and tells of which all is stored.
func (r *Repository) touchFiles(ctx context.Context, files []blobindex.Sum) (map[blobindex.Sum]bool, error) {
	found, err := r.find(ctx, files, true)
	if err != nil {
		return nil, err
	}
	there := make(map[blobindex.Sum]bool, len(found))
	for sum, b := range found {
		if b.Kind != blobindex.List {
			there[sum] = b.Kind.NamedAs(blobindex.Data)
		} else if there[sum], err = r.touchList(ctx, b); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// touchList counts on the chunks of a large file. A list that cannot be read
// is none: the file is read again.
func (r *Repository) touchList(ctx context.Context, b blobindex.Blob) (bool, error) {
	_, data, err := r.content(ctx, blobindex.List, b.Sum)
	if errors.Is(err, ErrDamaged) || isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	list, err := parseList(b.Sum, data)
	if err != nil {
		return false, err
	}
	sums := make([]blobindex.Sum, len(list.chunks))
	for i, c := range list.chunks {
		sums[i] = c.sum
	}
	found, err := r.find(ctx, sums, true)
	if err != nil {
		return false, err
	}
	for _, sum := range sums {
		if _, ok := found[sum]; !ok {
			return false, nil
		}
	}
	return true, nil
}

// addSmall reads, hashes and stores small files.
func (a *adder) addSmall(ctx context.Context, places []int) error {
	pieces := make([]piece, 0, len(places))
	begun := time.Now()
	for _, i := range places {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		f := a.files[i]
		data, err := readUnchanged(f)
		if err != nil {
			return err
		}
		p := pieceOf(blobindex.Data, data)
		pieces = append(pieces, p)
		a.entries[i] = Entry{Path: f.path, Size: f.stamp.size, Digest: digestOfSum(p.sum)}
	}
	if err := a.put(ctx, pieces); err != nil {
		return err
	}
	done := Progress{Files: int64(len(places))}
	for n, i := range places {
		done.Bytes += a.files[i].stamp.size
		a.note(a.files[i], pieces[n].sum, begun)
	}
	a.tell.add(done)
	return nil
}

// addLarge stores a large file in chunks.
func (a *adder) addLarge(ctx context.Context, i int) (err error) {
	f := a.files[i]
	begun := time.Now()
	file, err := os.Open(f.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum, size, err := a.putLarge(ctx, file)
	if err != nil {
		return fmt.Errorf("%s: %w", f.file, err)
	}
	if err := f.sameAs(file, size); err != nil {
		return err
	}
	a.entries[i] = Entry{Path: f.path, Size: size, Digest: digestOfSum(sum)}
	a.note(f, sum, begun)
	a.tell.add(Progress{Files: 1})
	return nil
}

func (a *adder) note(f found, sum blobindex.Sum, read time.Time) {
	a.notes.Lock()
	defer a.notes.Unlock()
	a.cache.note(f, sum, read)
	if time.Since(a.saved) > statSave {
		_ = a.cache.save() // tried again at the end, which tells
		a.saved = time.Now()
	}
}

// readUnchanged reads a small file that is still as it was found.
func readUnchanged(f found) (_ []byte, err error) {
	file, err := os.Open(f.file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data := make([]byte, f.stamp.size+1) // one more shows that it grew
	n, err := io.ReadFull(file, data)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:n:n], f.sameAs(file, int64(n))
}

// sameAs tells that the file is the one that was found, and all of it was read.
func (f found) sameAs(file *os.File, read int64) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if read != f.stamp.size || stampOf(info) != f.stamp {
		return fmt.Errorf("%s: %w", f.file, ErrChanged)
	}
	return nil
}
