package artifacts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

const (
	// pinLife is how long a pin outlives its writer, and pinRenew how often a
	// living writer renews it.
	pinLife  = time.Hour
	pinRenew = 10 * time.Minute
	// writesAhead is how many packs are written at once beside one for each worker: most of the time a disk
	// that syncs is waited for, not busy.
	writesAhead = 3
	// firstPack is the size in bytes of the first buffer of an upload.
	firstPack = 256 << 10
	// worthPacking: compressed content is kept if it is this many 1/20 of the original at most.
	worthPacking = 19
)

// piece is content to be stored.
type piece struct {
	sum  blobindex.Sum
	kind blobindex.Kind
	data []byte
	crc  uint32 // of data, taken while it is in the processor's cache
}

func pieceOf(kind blobindex.Kind, data []byte) piece {
	return namedPiece(hashOf(kind, data), kind, data)
}

// namedPiece is a piece whose name is not the hash of its bytes, or is known.
func namedPiece(sum blobindex.Sum, kind blobindex.Kind, data []byte) piece {
	return piece{sum: sum, kind: kind, data: data, crc: crcOf(data)}
}

// upload is one writer at work. Its methods are safe for concurrent use. It
// has written for good what was put before finish returned nil, and nothing else.
type upload struct {
	r      *Repository
	ctx    context.Context // of the writes, which outlive what asks for them
	id     string
	tell   *meter
	stop   context.CancelFunc
	pin    *errgroup.Group
	writes *errgroup.Group     // of packs, while more are filled
	room   *semaphore.Weighted // bounds them

	buffers buffers
	started atomic.Int64 // packs

	mu     sync.Mutex
	known  map[blobindex.Sum]bool // stored, or being stored by this upload
	open   []*packing             // that nobody fills at the moment
	stored int64
}

// begin pins a new upload. Its context ends when the pin is lost or a pack cannot be written.
func (r *Repository) begin(ctx context.Context, tell *meter) (*upload, context.Context, error) {
	u := &upload{r: r, id: newPackID(), tell: tell, room: semaphore.NewWeighted(int64(r.opts.Workers) + writesAhead), known: map[blobindex.Sum]bool{}}
	if err := r.index.PinUpload(ctx, u.id, true, time.Now().Add(pinLife)); err != nil {
		return nil, nil, err
	}
	ctx, u.stop = context.WithCancel(ctx)
	u.pin, ctx = errgroup.WithContext(ctx)
	pinned := ctx
	u.writes, ctx = errgroup.WithContext(ctx)
	u.pin.Go(func() error { return u.renew(pinned) })
	u.ctx = ctx
	return u, ctx, nil
}

func (u *upload) renew(ctx context.Context) error {
	tick := time.NewTicker(pinRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := u.r.index.PinUpload(ctx, u.id, false, time.Now().Add(pinLife)); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// finish writes what is left and ends the pin: from now on the caller's own
// record keeps the data from being collected, within the grace of a collection.
func (u *upload) finish(ctx context.Context) error {
	for _, p := range u.merged() {
		if err := u.write(ctx, p); err != nil {
			return err
		}
	}
	if err := u.writes.Wait(); err != nil {
		return err
	}
	u.stop()
	if err := u.pin.Wait(); err != nil {
		return err
	}
	return u.r.index.PinUpload(context.WithoutCancel(ctx), u.id, false, time.Time{})
}

// abandon ends an upload that failed and returns why: what it stored stays for the
// next try until it is collected.
func (u *upload) abandon(ctx context.Context, err error) error {
	if cause := context.Cause(u.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause // the rest met only the cancellation
	}
	u.stop()
	_, _ = u.writes.Wait(), u.pin.Wait() // they failed for the same reason, or because of stop
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	// The failure is what the caller hears of; a pin that stays ends by itself.
	_ = u.r.index.PinUpload(ctx, u.id, false, time.Time{})
	return err
}

// put stores the pieces that the repository does not have.
func (u *upload) put(ctx context.Context, pieces []piece) error {
	fresh, err := u.fresh(ctx, pieces)
	if err != nil {
		return err
	}
	return u.pack(ctx, fresh)
}

// fresh picks the pieces that the repository does not have, which are the caller's to store, and counts on the others.
func (u *upload) fresh(ctx context.Context, pieces []piece) ([]piece, error) {
	var sums []blobindex.Sum
	fresh := pieces[:0:0]
	u.mu.Lock()
	for _, p := range pieces {
		if !u.known[p.sum] {
			u.known[p.sum] = true
			sums, fresh = append(sums, p.sum), append(fresh, p)
		}
	}
	u.mu.Unlock()
	found, err := u.r.find(ctx, sums, true)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(fresh, func(p piece) bool { _, ok := found[p.sum]; return ok }), nil
}

// pack puts pieces into packs that are being filled.
func (u *upload) pack(ctx context.Context, pieces []piece) (err error) {
	pack := u.takeOpen()
	for _, p := range pieces {
		if pack, err = u.add(ctx, pack, u.r.encode(p)); err != nil {
			return err
		}
	}
	u.giveOpen(pack)
	return nil
}

// add copies a frame to a pack, which is nil for a new one, and returns the pack that goes
// on to be filled. One that the frame does not fit into is written.
func (u *upload) add(ctx context.Context, p *packing, f frame) (*packing, error) {
	if p != nil && !p.fits(sizeOf(f)) {
		if err := u.write(ctx, p); err != nil {
			return nil, err
		}
		p = nil
	}
	if p == nil {
		p = startPack(u.packBuffer())
	}
	p.add(f)
	return p, nil
}

// packBuffer returns an empty buffer for a pack: a small one for the first, which
// may well be all there is.
func (u *upload) packBuffer() *[]byte {
	if u.started.Add(1) > 1 {
		return u.buffers.pack()
	}
	b := alignedBuffer(firstPack)
	return &b
}

// takeOpen returns a pack to fill, nil if there is none.
func (u *upload) takeOpen() *packing {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.open) == 0 {
		return nil
	}
	p := u.open[len(u.open)-1]
	u.open = u.open[:len(u.open)-1]
	return p
}

func (u *upload) giveOpen(p *packing) {
	if p == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open = append(u.open, p)
}

// merged returns the packs that are left, those that fit together as one.
func (u *upload) merged() []*packing {
	u.mu.Lock()
	defer u.mu.Unlock()
	slices.SortFunc(u.open, func(a, b *packing) int { return b.size - a.size })
	var packs []*packing
	for _, p := range u.open {
		into := slices.IndexFunc(packs, func(q *packing) bool { return q.fits(p.size) })
		if into < 0 {
			packs = append(packs, p)
			continue
		}
		for _, f := range p.frames() {
			packs[into].add(f)
		}
		u.give(p.buffer)
	}
	u.open = nil
	return packs
}

// give takes the buffer of a pack back, if it is one for others too.
func (u *upload) give(buffer *[]byte) {
	if cap(*buffer) >= packTarget {
		u.buffers.free.give(buffer)
	}
}

// free takes back what a pack was laid out in.
func (u *upload) free(p *packing) {
	if p.group != nil {
		u.buffers.release(*p.group)
		return
	}
	u.give(p.buffer)
}

// write has a pack written while others are filled; finish tells of its failure.
func (u *upload) write(ctx context.Context, p *packing) error {
	if err := u.room.Acquire(ctx, 1); err != nil {
		return err
	}
	u.writes.Go(func() error {
		defer u.room.Release(1)
		return u.save(u.ctx, p)
	})
	return nil
}

// save writes a pack and puts it on record.
func (u *upload) save(ctx context.Context, p *packing) error {
	id := newPackID()
	key, err := u.r.newKey(ctx, id)
	if err != nil {
		return err
	}
	var b []byte
	var blobs []blobindex.Blob
	if key == nil {
		b, blobs = p.finish(id)
	} else {
		sealed := alignedBuffer(p.size)
		if p.size > firstPack {
			sealed = *u.buffers.pack()
		}
		b, blobs = p.seal(sealed, id, key)
		u.free(p)
		p = &packing{buffer: &sealed}
	}
	if err := u.r.store.putObject(ctx, packKeyOf(packPrefix, id), b); err != nil {
		return err // an upload that was given up may still read the buffer
	}
	u.free(p)
	won, err := u.r.index.SavePack(ctx, u.id, blobindex.Pack{ID: id, Bytes: int64(len(b))}, blobs)
	if err != nil {
		return fmt.Errorf("record pack %s: %w", id, err)
	}
	if won == 0 { // another writer was first with all of it
		return u.r.dropPack(ctx, id, time.Now().Add(time.Hour))
	}
	u.mu.Lock()
	u.stored += int64(len(b))
	u.mu.Unlock()
	u.tell.add(Progress{Stored: int64(len(b))})
	return nil
}

// dropPack deletes a pack in which no blob lies: the record first, then the object.
func (r *Repository) dropPack(ctx context.Context, id string, cutoff time.Time) error {
	condemned, err := r.index.CondemnPack(ctx, id, cutoff)
	if err != nil || !condemned {
		return err
	}
	return r.finishDrop(ctx, id)
}

// finishDrop deletes the object of a condemned pack, and its key first: what
// cannot be decrypted is as good as gone.
func (r *Repository) finishDrop(ctx context.Context, id string) error {
	for _, prefix := range []string{keyPrefix, packPrefix} {
		if err := r.store.deleteObject(ctx, packKeyOf(prefix, id)); err != nil {
			return err
		}
	}
	return r.index.ForgetPack(ctx, id)
}

// encode compresses content where that helps.
func (r *Repository) encode(p piece) frame {
	f := frame{blob: blobindex.Blob{Sum: p.sum, Kind: p.kind, Size: int64(len(p.data)), CRC: p.crc}, data: p.data}
	if r.opts.NoCompression || !compressible(p.data) {
		return f
	}
	if small := r.codec.enc.EncodeAll(p.data, nil); len(small)*20 <= len(p.data)*worthPacking {
		f.blob.Encoding, f.blob.CRC, f.data = blobindex.Zstd, crcOf(small), small
	}
	return f
}
