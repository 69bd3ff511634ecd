package artifacts

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"gocloud.dev/gcerrors"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// sumOf returns the hash that a digest names.
func sumOf(d Digest) (s blobindex.Sum, err error) {
	if _, err := ParseDigest(string(d)); err != nil {
		return s, err
	}
	_, err = hex.Decode(s[:], []byte(d.Hex()))
	return s, err
}

func digestOfSum(s blobindex.Sum) Digest { return Digest(digestPrefix + s.String()) }

func isNotFound(err error) bool {
	return errors.Is(err, ErrNotFound) || gcerrors.Code(err) == gcerrors.NotFound
}

// findBatch bounds the blobs asked for in one transaction; databases limit the
// number of arguments.
const findBatch = 4000

// find returns where blobs lie; what is missing is not in the result.
func (r *Repository) find(ctx context.Context, sums []blobindex.Sum, touch bool) (map[blobindex.Sum]blobindex.Blob, error) {
	found := make(map[blobindex.Sum]blobindex.Blob, len(sums))
	for len(sums) > 0 {
		n := min(len(sums), findBatch)
		blobs, err := r.index.FindBlobs(ctx, sums[:n], touch)
		if err != nil {
			return nil, err
		}
		for _, b := range blobs {
			found[b.Sum] = b
		}
		sums = sums[n:]
	}
	return found, nil
}

// content finds and reads one blob. The kind is what is looked for: a chunk is not found for a
// digest, nor anything else for the name of a chunk.
func (r *Repository) content(ctx context.Context, kind blobindex.Kind, sum blobindex.Sum) (blobindex.Blob, []byte, error) {
	for attempt := 0; ; attempt++ {
		found, err := r.find(ctx, []blobindex.Sum{sum}, false)
		if err != nil {
			return blobindex.Blob{}, nil, err
		}
		b, ok := found[sum]
		if !ok || !b.Kind.NamedAs(kind) {
			return b, nil, fmt.Errorf("blob %s: %w", nameOf(kind, sum), ErrNotFound)
		}
		data, err := r.readBlob(ctx, b)
		if err == nil || !isNotFound(err) || attempt > 0 {
			return b, data, err
		}
		// A collection moved it to another pack since it was found.
	}
}

// readBlob reads the content of a blob, verified.
func (r *Repository) readBlob(ctx context.Context, b blobindex.Blob) ([]byte, error) {
	if err := checkBlob(b); err != nil {
		return nil, fmt.Errorf("index: blob %s: %w", nameOf(b.Kind, b.Sum), err)
	}
	stored, err := r.store.readRange(ctx, packKeyOf(packPrefix, b.Pack), b.Offset, b.Stored)
	if err != nil {
		return nil, fmt.Errorf("blob %s in %s: %w", nameOf(b.Kind, b.Sum), packKeyOf(packPrefix, b.Pack), err)
	}
	return r.decode(ctx, b, stored)
}

// decode returns the content of a blob from its stored bytes, and fails with
// ErrDamaged if one bit of either is not what it was.
func (r *Repository) decode(ctx context.Context, b blobindex.Blob, stored []byte) ([]byte, error) {
	bad := func(what string) error {
		return fmt.Errorf("%w: blob %s at byte %d of %s: %s", errPacked, nameOf(b.Kind, b.Sum), b.Offset, packKeyOf(packPrefix, b.Pack), what)
	}
	if int64(len(stored)) != b.Stored || crcOf(stored) != b.CRC {
		return nil, bad("the checksum is wrong")
	}
	data, err := r.unseal(ctx, b, stored)
	if errors.Is(err, errSeal) {
		return nil, bad("it does not decrypt")
	}
	if err != nil {
		return nil, err
	}
	if b.Encoding&blobindex.Zstd != 0 {
		if data, err = r.codec.dec.DecodeAll(data, make([]byte, 0, b.Size)); err != nil {
			return nil, bad("it does not decompress")
		}
	}
	if int64(len(data)) != b.Size {
		return nil, bad("the size is wrong")
	}
	if b.Kind == blobindex.List { // named by the hash of its file, and proves itself
		if _, err := parseList(b.Sum, data); err != nil {
			return nil, bad(err.Error())
		}
		return data, nil
	}
	if hashOf(b.Kind, data) != b.Sum {
		return nil, bad("the hash is wrong")
	}
	return data, nil
}

// errSeal: the bytes are not what was encrypted.
var errSeal = errors.New("decrypt")

func (r *Repository) unseal(ctx context.Context, b blobindex.Blob, stored []byte) ([]byte, error) {
	if b.Encoding&blobindex.Sealed == 0 {
		return stored, nil
	}
	key, err := r.keyOf(ctx, b.Pack)
	if err != nil {
		return nil, err
	}
	data, err := key.open(stored, uint64(b.Offset))
	if err != nil {
		return nil, errSeal
	}
	return data, nil
}
