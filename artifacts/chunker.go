package artifacts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/jc" // chunkAlgorithm
	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// How large files are cut. Another choice finds fewer equal chunks in what was
// stored before, and reads it all the same.
const (
	chunkAlgorithm = "jc-v1.0.0"
	chunkMin       = 256 << 10
	chunkNormal    = 512 << 10 // chunks of content without patterns have half as much more, on average
	chunkMax       = 2 << 20
	// wholeMax is the size in bytes up to which a file is one blob.
	wholeMax = 8 << 20
	// groupBytes and groupCount bound the small files that are hashed and looked up together.
	groupBytes = 8 << 20
	groupCount = 256
	// hashAhead is how many groups the hash of the file may be behind: it gets less than
	// a core where many work, and catches up when they wait.
	hashAhead = 4
	// windowBytes is how much of a large file is read and cut at once: what a pack takes.
	windowBytes = packTarget - 64<<10
)

// putLarge stores what rd yields in chunks and returns its hash and size. The
// bytes are read once: one goroutine reads and cuts, one hashes the file, and the workers
// hash and store the chunks.
func (u *upload) putLarge(ctx context.Context, rd io.Reader) (blobindex.Sum, int64, error) {
	whole, hashed := make(chan group, hashAhead), make(chan blobindex.Sum, 1)
	go func() {
		h := sha256.New()
		for g := range whole {
			h.Write(g.data)
			u.buffers.release(g)
		}
		hashed <- blobindex.Sum(h.Sum(nil))
	}()
	workers, within := errgroup.WithContext(ctx)
	workers.SetLimit(u.r.opts.Workers + 1) // one may wait for the index
	var list chunkList
	var groups [][]chunk
	err := cut(&source{ctx: within, r: rd, left: math.MaxInt64 - 1}, u.buffers.group, func(g group) {
		list.size += int64(len(g.data))
		groups = append(groups, g.chunks)
		workers.Go(func() error { return u.putGroup(within, g) })
		whole <- g
	})
	close(whole)
	list.file = <-hashed
	if failed := workers.Wait(); failed != nil {
		err = failed // the source fails too then, because its context ended
	}
	if err != nil {
		return blobindex.Sum{}, 0, err
	}
	list.chunks = slices.Concat(groups...)
	b := list.encode()
	if len(b) > maxBlob {
		return blobindex.Sum{}, 0, fmt.Errorf("%w: %d bytes are too many for one file", ErrTooLarge, list.size)
	}
	return list.file, list.size, u.put(ctx, []piece{namedPiece(list.file, blobindex.List, b)})
}

// putGroup names the chunks of a group and stores them.
func (u *upload) putGroup(ctx context.Context, g group) error {
	data := g.data
	pieces := make([]piece, len(g.chunks))
	at := 0
	for i := range g.chunks {
		end := at + int(g.chunks[i].size)
		pieces[i] = pieceOf(blobindex.Chunk, data[at:end:end])
		g.chunks[i].sum, at = pieces[i].sum, end
	}
	fresh, err := u.fresh(ctx, pieces)
	if err == nil && len(fresh) == len(pieces) && len(data) >= inPlaceFrom {
		if p := u.r.packInPlace(g, pieces); p != nil {
			err = u.write(ctx, p)
			u.tell.add(Progress{Bytes: int64(len(data))})
			return err
		}
	}
	defer u.buffers.release(g)
	if err == nil {
		err = u.pack(ctx, fresh)
	}
	u.tell.add(Progress{Bytes: int64(len(data))})
	return err
}

// cut cuts what rd yields into chunks and hands them out in groups, in the buffers
// that it was read into.
func cut(rd io.Reader, newGroup func() group, do func(group)) error {
	g := newGroup()
	for {
		rest := len(*g.buffer) - packHeader // that the group before left
		window := (*g.buffer)[packHeader : packHeader+windowBytes]
		n, err := io.ReadFull(rd, window[rest:])
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		window = window[:rest+n]
		sizes, err := cutWindow(window, last)
		if err != nil {
			return err
		}
		end := 0
		for _, size := range sizes {
			g.chunks, end = append(g.chunks, chunk{size: uint32(size)}), end+size
		}
		next := group{}
		if !last {
			next = newGroup()
			*next.buffer = append(*next.buffer, window[end:]...)
		}
		*g.buffer, g.data = (*g.buffer)[:packHeader+end], window[:end]
		if end > 0 {
			do(g)
		}
		if last {
			return nil
		}
		g = next
	}
}

// cutWindow returns the sizes of the chunks at the beginning of data: of all, if it is the last
// of a file, else of those that no byte to come can change. They are where they
// would be if the file were cut as a whole.
func cutWindow(data []byte, last bool) (sizes []int, err error) {
	whole := data
	if len(data) < chunkMax {
		whole = data[:chunkMax:chunkMax] // the least that the library works in; it looks at data only
	}
	cutter, err := chunkers.NewChunkerBuffer(chunkAlgorithm, inPlace(len(data)), &chunkers.ChunkerOpts{MinSize: chunkMin, NormalSize: chunkNormal, MaxSize: chunkMax}, whole)
	if err != nil {
		return nil, err
	}
	for at := 0; at < len(data); {
		b, err := cutter.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if at += len(b); at == len(data) && len(b) < chunkMax && !last {
			break // it may go on
		}
		sizes = append(sizes, len(b))
	}
	return sizes, nil
}

// inPlace reads n bytes that are in the buffer already, so that the chunker cuts in it
// and nothing is copied. It ends at once, or the chunker would move them for more room.
type inPlace int

func (n inPlace) Read([]byte) (int, error) { return int(n), io.EOF }
