package artifacts

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxWorkers bounds Options.Workers: each holds up to a pack in memory.
const maxWorkers = 64

// Options of a Repository.
type Options struct {
	// Cache is a folder that remembers the digests of files that did not change,
	// by path, size, times and inode. It may be shared by processes and deleted
	// at any time. Empty: every Add reads every file.
	Cache string
	// Workers is how many files, chunks and packs are worked on at once, 1 to 64.
	// 0: the number of CPUs.
	Workers int
	// NoCompression stores everything as it is. Otherwise Zstandard is tried on
	// what looks compressible and kept where it saves at least a twentieth.
	NoCompression bool
}

func (o Options) withDefaults() Options {
	if o.Workers == 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	return o
}

func (o Options) validate() error {
	if o.Workers < 1 || o.Workers > maxWorkers {
		return fmt.Errorf("workers is %d, must be 1 to %d", o.Workers, maxWorkers)
	}
	return nil
}

// Repository keeps files and folders in a store, as trees that are named by the
// digest of their manifest. Equal content is stored once: large files in chunks
// whose borders follow the content, small ones together in packs, compressed where
// that helps and encrypted if the store is. None of this shows in a digest.
//
// The layout is specified in docs/formats.md, section "Repository". It is safe
// for use by several goroutines, and by several processes that share the index.
type Repository struct {
	store *Store
	index Index
	opts  Options
	codec codec
	keys  openKeys
}

// codec holds the compressors, which are safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// NewRepository returns the repository in a store whose blobs the index knows.
// Neither is closed by the repository.
func NewRepository(store *Store, index Index, o Options) (*Repository, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, &Error{Op: "open repository", Err: err}
	}
	if store == nil || index == nil {
		return nil, &Error{Op: "open repository", Err: errors.New("it needs a store and an index")}
	}
	enc, encErr := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(o.Workers), zstd.WithEncoderCRC(false))
	dec, decErr := zstd.NewReader(nil, zstd.WithDecoderConcurrency(o.Workers), zstd.WithDecoderMaxMemory(maxBlob))
	if err := errors.Join(encErr, decErr); err != nil {
		return nil, &Error{Op: "open repository", Err: err}
	}
	return &Repository{store: store, index: index, opts: o, codec: codec{enc, dec}, keys: openKeys{keys: map[string]*packKey{}}}, nil
}

// fail turns err into an *Error that says what was done to which digest.
func (r *Repository) fail(ctx context.Context, op string, d Digest, err error) error {
	return r.store.fail(ctx, op, d, err)
}

// Progress is how far an operation is. A total is 0 until it is known.
type Progress struct {
	Files, FilesTotal int64
	Bytes, BytesTotal int64
	// Stored is the bytes newly written to the store so far.
	Stored int64
}

// meter calls a progress function, one call at a time.
type meter struct {
	mu   sync.Mutex
	now  Progress
	tell func(Progress)
}

func (m *meter) add(change Progress) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Files += change.Files
	m.now.FilesTotal += change.FilesTotal
	m.now.Bytes += change.Bytes
	m.now.BytesTotal += change.BytesTotal
	m.now.Stored += change.Stored
	if m.tell != nil {
		m.tell(m.now)
	}
}
