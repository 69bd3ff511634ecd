package artifacts

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"gocloud.dev/secrets"
)

// Folders of encrypted blobs and of their wrapped data keys. They and the shape
// of the keys below are a persisted format: see docs/formats.md.
const (
	sealedPrefix    = "sealed/sha256/"
	sealedKeyPrefix = "sealed/keys/"
)

// WithKeepers encrypts what the store and a Repository in it keep from now on,
// with a data key of its own for each blob and pack. The first keeper wraps the data
// keys, all of them unwrap: while a key is being rotated both are given. What
// was kept in plain before is read as before; without a keeper what is encrypted
// fails with ErrKey. The caller closes the keepers, after the store.
func WithKeepers(keepers ...*secrets.Keeper) Option {
	return func(o *options) { o.keepers = keepers }
}

// place is where a blob may be.
type place struct {
	key    string
	sealed bool
}

// contentSize is the size of the content of an object at this place; 0 for what is no
// size of an encrypted blob, which reading finds damaged.
func (p place) contentSize(stored int64) int64 {
	if !p.sealed {
		return stored
	}
	size, ok := contentSize(stored)
	if !ok {
		return 0
	}
	return size
}

// places are those of d, the one that this store writes to first.
func (s *Store) places(d Digest) []place {
	plain, sealed := place{key: keyOf(d)}, place{key: sealedOf(d), sealed: true}
	if s.keys.encrypts() {
		return []place{sealed, plain}
	}
	return []place{plain, sealed}
}

// sealedOf returns the key of d, encrypted.
func sealedOf(d Digest) string { return sealedPrefix + strings.TrimPrefix(keyOf(d), casPrefix) }

// sealedKeyOf returns the key of the object that keeps a data key of d. A blob that two
// write at once has two, and its header names the one that counts.
func sealedKeyOf(d Digest, id sealID) string {
	return sealedKeyPrefix + strings.TrimPrefix(keyOf(d), casPrefix) + "-" + id.String()
}

// parseSealedKey is the inverse of sealedKeyOf.
func parseSealedKey(key string) (d Digest, id sealID, ok bool) {
	rest, _ := strings.CutPrefix(key, sealedKeyPrefix)
	blob, digits, _ := strings.Cut(rest, "-")
	if d, ok = digestOfKey(casPrefix + blob); !ok {
		return "", id, false
	}
	if len(digits) != hex.EncodedLen(len(id)) {
		return "", id, false
	}
	_, err := hex.Decode(id[:], []byte(digits))
	return d, id, err == nil && sealedKeyOf(d, id) == key
}

// damagedAt is damage of an object whose key does not follow from the digest alone.
type damagedAt struct {
	key string
	error
}

func (d damagedAt) Unwrap() error { return d.error }

func (d damagedAt) Error() string { return d.key + ": " + d.error.Error() }

// newSeal makes the data key of a new blob. It returns nil if the store does not encrypt.
func (s *Store) newSeal(ctx context.Context) (*seal, error) {
	if !s.keys.encrypts() {
		return nil, nil
	}
	raw, object, err := s.keys.newKey(ctx)
	if err != nil {
		return nil, err
	}
	id := newSealID()
	key, err := newSealKey(id, raw)
	return &seal{id: id, key: key, object: object}, err
}

// seal is the data key of a blob that is being written.
type seal struct {
	id     sealID
	key    *sealKey
	object []byte // that keeps it, wrapped
}

// keep stores the data key for good, which must come before the blob.
func (e *seal) keep(ctx context.Context, s *Store, d Digest) error {
	return s.putObject(ctx, sealedKeyOf(d, e.id), e.object)
}

// unsealed returns a reader of the content of the encrypted blob d, whose object src yields.
func (s *Store) unsealed(ctx context.Context, d Digest, src io.Reader, stored int64) (_ io.Reader, size int64, err error) {
	defer func() {
		if errors.Is(err, ErrDamaged) {
			err = damagedAt{sealedOf(d), err}
		}
	}()
	size, ok := contentSize(stored)
	if !ok {
		return nil, 0, fmt.Errorf("%w: %d bytes are no size of an encrypted blob", errSealed, stored)
	}
	header := make([]byte, sealHeader)
	if _, err := io.ReadFull(src, header); err != nil {
		return nil, 0, fmt.Errorf("read the header: %w", err)
	}
	id, err := parseSealHeader(header)
	if err != nil {
		return nil, 0, err
	}
	raw, err := s.unwrapKey(ctx, sealedKeyOf(d, id))
	if isNotFound(err) {
		return nil, 0, fmt.Errorf("%w: its data key is gone", errSealed)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("data key %s: %w", id, err)
	}
	key, err := newSealKey(id, raw)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: data key %s: %w", ErrKey, id, err)
	}
	return key.unseal(src, size), size, nil
}

// sealIDOf reads the name of the data key of the encrypted blob d.
func (s *Store) sealIDOf(ctx context.Context, d Digest) (sealID, error) {
	b, err := s.readRange(ctx, sealedOf(d), 0, sealHeader)
	if err != nil {
		return sealID{}, err
	}
	return parseSealHeader(b)
}

// hasKey tells whether the data key of the encrypted blob d is there: it comes
// first, but may have been deleted since, which gives up the content.
func (s *Store) hasKey(ctx context.Context, d Digest) (bool, error) {
	id, err := s.sealIDOf(ctx, d)
	if errors.Is(err, ErrDamaged) || isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	w := watch(ctx, s.opts.stall)
	defer w.end()
	ok, err := s.bucket.Exists(w.ctx, sealedKeyOf(d, id))
	if err != nil {
		err = moreOf(w, err)
	}
	return ok, err
}
