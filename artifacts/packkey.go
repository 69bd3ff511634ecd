package artifacts

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"sync"
)

const (
	keyPrefix    = "keys/"
	sealOverhead = 16 // the tag of GCM
	indexNonce   = math.MaxUint64
)

// packKey encrypts one pack. Its data key is used for nothing else, so counting
// nonces never repeat.
type packKey struct {
	aead cipher.AEAD
	id   []byte // additional data: a frame moved to another pack does not decrypt
}

func newPackKey(id string, key []byte) (*packKey, error) {
	raw, err := hex.DecodeString(id)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &packKey{aead: aead, id: raw}, err
}

func nonceOf(n uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), n)
}

func (k *packKey) seal(dst, plain []byte, n uint64) []byte {
	return k.aead.Seal(dst, nonceOf(n), plain, k.id)
}

func (k *packKey) open(sealed []byte, n uint64) ([]byte, error) {
	return k.aead.Open(nil, nonceOf(n), sealed, k.id)
}

// newKey makes the data key of a new pack and stores it, wrapped. It returns nil if
// the repository does not encrypt.
func (r *Repository) newKey(ctx context.Context, id string) (*packKey, error) {
	if !r.store.keys.encrypts() {
		return nil, nil
	}
	raw, wrapped, err := r.store.keys.newKey(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.store.putObject(ctx, packKeyOf(keyPrefix, id), wrapped); err != nil {
		return nil, err
	}
	key, err := newPackKey(id, raw)
	if err == nil {
		r.keys.remember(id, key)
	}
	return key, err
}

// keyOf returns the data key of a pack.
func (r *Repository) keyOf(ctx context.Context, id string) (*packKey, error) {
	if key := r.keys.find(id); key != nil {
		return key, nil
	}
	key, err := r.unwrap(ctx, id)
	if err == nil {
		r.keys.remember(id, key)
	}
	return key, err
}

// unwrap reads and unwraps the data key of a pack.
func (r *Repository) unwrap(ctx context.Context, id string) (*packKey, error) {
	raw, err := r.store.unwrapKey(ctx, packKeyOf(keyPrefix, id))
	if err != nil {
		return nil, fmt.Errorf("data key of pack %s: %w", id, err)
	}
	key, err := newPackKey(id, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: data key of pack %s: %w", ErrKey, id, err)
	}
	return key, nil
}

// keysOpen bounds the data keys kept unwrapped: a keeper may be far away.
const keysOpen = 4096

// openKeys are data keys of packs that were unwrapped.
type openKeys struct {
	mu   sync.Mutex
	keys map[string]*packKey
}

func (o *openKeys) find(id string) *packKey {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.keys[id]
}

func (o *openKeys) remember(id string, key *packKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.keys) >= keysOpen {
		clear(o.keys)
	}
	o.keys[id] = key
}
