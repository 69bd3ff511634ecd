package artifacts

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"sync"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// File is an open file of a repository. ReadAt may be called concurrently.
type File interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
	// Size is in bytes.
	Size() int64
}

// chunksOpen is how many chunks an open file keeps: one at each end of what a
// reader of columns jumps between.
const chunksOpen = 4

// Open opens a stored file by the digest of its content. Every byte is checked
// before it is handed out: damage is an ErrDamaged. The context covers the
// reading too. It fails with ErrNotFound.
func (r *Repository) Open(ctx context.Context, file Digest) (File, error) {
	f, err := r.open(ctx, file)
	if err != nil {
		return nil, r.fail(ctx, "open", file, err)
	}
	return f, nil
}

func (r *Repository) open(ctx context.Context, file Digest) (*openFile, error) {
	sum, err := sumOf(file)
	if err != nil {
		return nil, err
	}
	b, data, err := r.content(ctx, blobindex.Data, sum)
	if err != nil {
		return nil, err
	}
	f := &openFile{r: r, ctx: ctx, file: file, list: chunkList{file: sum, size: b.Size}}
	if b.Kind == blobindex.List {
		if f.list, err = parseList(sum, data); err != nil {
			return nil, err
		}
	} else {
		f.list.chunks = []chunk{{sum: sum, size: uint32(b.Size)}}
		f.kept = []keptChunk{{0, data}}
	}
	var at int64
	f.ends = make([]int64, len(f.list.chunks))
	for i, c := range f.list.chunks {
		at += int64(c.size)
		f.ends[i] = at
	}
	return f, nil
}

// openFile implements File. Read and Seek are not for concurrent use.
type openFile struct {
	r    *Repository
	ctx  context.Context
	file Digest
	list chunkList
	ends []int64 // of the chunks, in bytes from the beginning
	at   int64   // of Read

	mu     sync.Mutex
	kept   []keptChunk // the one used last is last
	closed bool
}

type keptChunk struct {
	place int
	data  []byte
}

var _ File = (*openFile)(nil)

func (f *openFile) Size() int64 { return f.list.size }

func (f *openFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept, f.closed = nil, true
	return nil
}

func (f *openFile) Read(p []byte) (int, error) {
	if f.at >= f.list.size {
		return 0, io.EOF
	}
	// No more than the rest of a chunk: it is there already, or needed anyway.
	i := f.chunkAt(f.at)
	if rest := f.ends[i] - f.at; int64(len(p)) > rest {
		p = p[:rest]
	}
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	return n, err
}

func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.list.size
	default:
		return 0, fmt.Errorf("seek from %d: %w", whence, fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d: %w", offset, fs.ErrInvalid)
	}
	f.at = offset
	return offset, nil
}

func (f *openFile) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: %w", off, fs.ErrInvalid)
	}
	for n < len(p) {
		if off >= f.list.size {
			return n, io.EOF
		}
		i := f.chunkAt(off)
		data, err := f.chunk(i)
		if err != nil {
			return n, f.r.fail(f.ctx, "read", f.file, fmt.Errorf("at byte %d: %w", off, err))
		}
		m := copy(p[n:], data[off-(f.ends[i]-int64(len(data))):])
		n, off = n+m, off+int64(m)
	}
	return n, nil
}

// chunkAt is the place of the chunk that holds a byte.
func (f *openFile) chunkAt(off int64) int {
	return sort.Search(len(f.ends), func(i int) bool { return f.ends[i] > off })
}

// errClosed: the file was closed.
var errClosed = fmt.Errorf("the file is closed: %w", fs.ErrClosed)

// chunk returns the content of a chunk.
func (f *openFile) chunk(i int) ([]byte, error) {
	if data, err := f.keptAt(i); data != nil || err != nil {
		return data, err
	}
	if err := context.Cause(f.ctx); err != nil {
		return nil, err
	}
	c := f.list.chunks[i]
	_, data, err := f.r.content(f.ctx, f.list.kind, c.sum)
	if err != nil {
		return nil, err
	}
	if len(data) != int(c.size) {
		return nil, fmt.Errorf("%w: chunk %s has %d bytes, its list says %d", errPacked, nameOf(f.list.kind, c.sum), len(data), c.size)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errClosed
	}
	if f.kept = append(f.kept, keptChunk{i, data}); len(f.kept) > chunksOpen {
		f.kept = f.kept[1:]
	}
	return data, nil
}

func (f *openFile) keptAt(i int) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errClosed
	}
	for n, k := range f.kept {
		if k.place == i {
			f.kept = append(append(f.kept[:n:n], f.kept[n+1:]...), k)
			return k.data, nil
		}
	}
	return nil, nil
}

// copyTo writes the whole content, checked against the digest of the file too.
func (f *openFile) copyTo(w io.Writer, h io.Writer) error {
	for i := range f.list.chunks {
		data, err := f.chunk(i)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return err
		}
		_, _ = h.Write(data) // a hash never fails
	}
	return nil
}
