package artifacts

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
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
	// worthPacking: compressed content is kept if it is this many 1/20 of the original at most.
	worthPacking = 19
)

// piece is content to be stored.
type piece struct {
	sum  blobindex.Sum
	kind blobindex.Kind
	data []byte
}

func pieceOf(kind blobindex.Kind, data []byte) piece {
	return piece{sum: sha256.Sum256(data), kind: kind, data: data}
}

// upload is one writer at work. Its methods are safe for concurrent use. It
// has written for good what was put before finish returned nil, and nothing else.
type upload struct {
	r     *Repository
	id    string
	tell  *meter
	write *semaphore.Weighted // bounds the packs being written
	stop  context.CancelFunc
	pin   *errgroup.Group

	mu     sync.Mutex
	known  map[blobindex.Sum]bool // stored, or being stored by this upload
	open   openPack
	stored int64
}

// openPack is a pack being filled.
type openPack struct {
	frames []frame
	data   *[]byte // of the frames; nil if there are none
	size   int     // that the pack will have at most
}

// begin pins a new upload. Its context ends when the pin is lost.
func (r *Repository) begin(ctx context.Context, tell *meter) (*upload, context.Context, error) {
	u := &upload{r: r, id: newPackID(), tell: tell, write: semaphore.NewWeighted(int64(r.opts.Workers)), known: map[blobindex.Sum]bool{}}
	if err := r.index.PinUpload(ctx, u.id, true, time.Now().Add(pinLife)); err != nil {
		return nil, nil, err
	}
	ctx, u.stop = context.WithCancel(ctx)
	u.pin, ctx = errgroup.WithContext(ctx)
	u.pin.Go(func() error { return u.renew(ctx) })
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
	u.mu.Lock()
	full := u.take()
	u.mu.Unlock()
	if err := u.flush(ctx, full); err != nil {
		return err
	}
	u.stop()
	if err := u.pin.Wait(); err != nil {
		return err
	}
	return u.r.index.PinUpload(context.WithoutCancel(ctx), u.id, false, time.Time{})
}

// abandon ends an upload that failed. What it stored stays for the next try until it is collected.
func (u *upload) abandon(ctx context.Context) {
	u.stop()
	// The failure is what the caller hears of; a pin that stays ends by itself.
	_ = u.pin.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = u.r.index.PinUpload(ctx, u.id, false, time.Time{})
}

// put stores the pieces that the repository does not have.
func (u *upload) put(ctx context.Context, pieces []piece) error {
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
		return err
	}
	for _, p := range fresh {
		if _, ok := found[p.sum]; ok {
			continue
		}
		if err := u.add(ctx, u.r.encode(p)); err != nil {
			return err
		}
	}
	return nil
}

// add copies a frame to the open pack, and writes the pack that it does not fit into.
func (u *upload) add(ctx context.Context, f frame) error {
	size := len(f.data) + sealOverhead + packRow
	var full openPack
	u.mu.Lock()
	if u.open.size+size > packTarget {
		full = u.take()
	}
	if u.open.data == nil {
		u.open = openPack{data: u.r.buffers.pack(), size: packHeader + packTail + sealOverhead}
	}
	begin := len(*u.open.data)
	*u.open.data = append(*u.open.data, f.data...) // frames before keep theirs if it grows
	f.data = (*u.open.data)[begin:]
	u.open.frames, u.open.size = append(u.open.frames, f), u.open.size+size
	u.mu.Unlock()
	return u.flush(ctx, full)
}

// take empties the open pack; u.mu is held.
func (u *upload) take() openPack {
	p := u.open
	u.open = openPack{}
	return p
}

// flush writes a pack and puts it on record.
func (u *upload) flush(ctx context.Context, p openPack) error {
	if len(p.frames) == 0 {
		return nil
	}
	if err := u.write.Acquire(ctx, 1); err != nil {
		return err
	}
	defer u.write.Release(1)
	id := newPackID()
	key, err := u.r.newKey(ctx, id)
	if err != nil {
		return err
	}
	buffer := u.r.buffers.pack()
	b, blobs := buildPack(*buffer, id, p.frames, key)
	if err := u.r.store.putObject(ctx, packKeyOf(packPrefix, id), b); err != nil {
		return err // an upload that was given up may still read the buffers
	}
	u.r.buffers.packs.Put(p.data)
	u.r.buffers.packs.Put(buffer)
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
	f := frame{blob: blobindex.Blob{Sum: p.sum, Kind: p.kind, Size: int64(len(p.data))}, data: p.data}
	if r.opts.NoCompression || !compressible(p.data) {
		return f
	}
	if small := r.codec.enc.EncodeAll(p.data, nil); len(small)*20 <= len(p.data)*worthPacking {
		f.blob.Encoding, f.data = blobindex.Zstd, small
	}
	return f
}
