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
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc" // chunkAlgorithm
	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// How large files are cut. Another choice finds fewer equal chunks in what was
// stored before, and reads it all the same.
const (
	chunkAlgorithm = "fastcdc-v1.0.0"
	chunkMin       = 256 << 10
	chunkAverage   = 1 << 20
	chunkMax       = 4 << 20
	// wholeMax is the size in bytes up to which a file is one blob.
	wholeMax = 8 << 20
	// groupBytes and groupCount bound what is hashed and looked up together.
	groupBytes = 8 << 20
	groupCount = 256
)

// putLarge stores what rd yields in chunks and returns its hash and size. The
// bytes are read once: one goroutine cuts, one hashes the file, and the workers hash
// and store the chunks.
func (u *upload) putLarge(ctx context.Context, rd io.Reader) (blobindex.Sum, int64, error) {
	whole, hashed := make(chan group, 1), make(chan blobindex.Sum, 1)
	go func() {
		h := sha256.New()
		for g := range whole {
			h.Write(*g.data)
			u.r.buffers.release(g)
		}
		hashed <- blobindex.Sum(h.Sum(nil))
	}()
	workers, within := errgroup.WithContext(ctx)
	workers.SetLimit(u.r.opts.Workers)
	var list chunkList
	var groups [][]chunk
	err := cut(&source{ctx: within, r: rd, left: math.MaxInt64 - 1}, u.r.buffers.group, func(g group) {
		list.size += int64(len(*g.data))
		groups = append(groups, g.chunks)
		whole <- g
		workers.Go(func() error { return u.putGroup(within, g) })
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
	return list.file, list.size, u.put(ctx, []piece{{sum: list.file, kind: blobindex.List, data: b}})
}

// putGroup names the chunks of a group and stores them.
func (u *upload) putGroup(ctx context.Context, g group) error {
	defer u.r.buffers.release(g)
	data := *g.data
	pieces := make([]piece, len(g.chunks))
	at := 0
	for i := range g.chunks {
		end := at + int(g.chunks[i].size)
		pieces[i] = pieceOf(blobindex.Data, data[at:end:end])
		g.chunks[i].sum, at = pieces[i].sum, end
	}
	if err := u.put(ctx, pieces); err != nil {
		return err
	}
	u.tell.add(Progress{Bytes: int64(len(data))})
	return nil
}

// cut cuts what rd yields into chunks and hands them out in groups.
func cut(rd io.Reader, newGroup func() group, do func(group)) error {
	cutter, err := chunkers.NewChunker(chunkAlgorithm, rd, &chunkers.ChunkerOpts{MinSize: chunkMin, NormalSize: chunkAverage, MaxSize: chunkMax})
	if err != nil {
		return err
	}
	g := newGroup()
	for {
		b, err := cutter.Next() // valid until the next call; may come with io.EOF
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(b) > 0 && len(*g.data)+len(b) > groupBytes {
			do(g)
			g = newGroup()
		}
		if len(b) > 0 {
			*g.data, g.chunks = append(*g.data, b...), append(g.chunks, chunk{size: uint32(len(b))})
		}
		if err != nil {
			if len(*g.data) > 0 {
				do(g)
			}
			return nil
		}
	}
}
