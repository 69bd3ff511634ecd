package artifacts

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync"

	"gocloud.dev/secrets"
)

const (
	keyPrefix    = "keys/"
	keyMagic     = "SLIPKEY1"
	dataKeySize  = 32 // AES-256
	sealOverhead = 16 // the tag of GCM
	indexNonce   = math.MaxUint64
	maxWrapped   = 64 << 10
	// keysOpen bounds the data keys kept unwrapped: a keeper may be far away.
	keysOpen = 4096
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

// keyring wraps and unwraps data keys and remembers those it unwrapped.
type keyring struct {
	mu     sync.Mutex
	keeper *secrets.Keeper
	open   map[string]*packKey
}

func (k *keyring) current() *secrets.Keeper {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keeper
}

func (k *keyring) use(keeper *secrets.Keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keeper = keeper
}

func (k *keyring) find(id string) *packKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open[id]
}

func (k *keyring) remember(id string, key *packKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.open) >= keysOpen {
		clear(k.open)
	}
	k.open[id] = key
}

// newKey makes the data key of a new pack and stores it, wrapped. It returns nil if
// the repository does not encrypt.
func (r *Repository) newKey(ctx context.Context, id string) (*packKey, error) {
	keeper := r.keys.current()
	if keeper == nil {
		return nil, nil
	}
	raw := make([]byte, dataKeySize)
	_, _ = rand.Read(raw) // never fails
	wrapped, err := keeper.Encrypt(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("wrap a data key: %w", err)
	}
	if err := r.putObject(ctx, packKeyOf(keyPrefix, id), encodeWrapped(wrapped)); err != nil {
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
	keeper := r.keys.current()
	if keeper == nil {
		return nil, fmt.Errorf("%w: pack %s is encrypted and no keeper is set", ErrKey, id)
	}
	wrapped, err := r.wrappedKey(ctx, id)
	if err != nil {
		return nil, err
	}
	raw, err := keeper.Decrypt(ctx, wrapped)
	if err != nil {
		return nil, fmt.Errorf("%w: data key of pack %s: %w", ErrKey, id, err)
	}
	key, err := newPackKey(id, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: data key of pack %s: %w", ErrKey, id, err)
	}
	return key, nil
}

func (r *Repository) wrappedKey(ctx context.Context, id string) ([]byte, error) {
	b, err := r.readObject(ctx, packKeyOf(keyPrefix, id), maxWrapped)
	if err != nil {
		return nil, err
	}
	wrapped, err := parseWrapped(b)
	if err != nil {
		return nil, fmt.Errorf("data key of pack %s: %w", id, err)
	}
	return wrapped, nil
}

// encodeWrapped is the content of an object below keys/.
func encodeWrapped(wrapped []byte) []byte {
	b := append([]byte(keyMagic), wrapped...)
	return binary.LittleEndian.AppendUint32(b, crcOf(b))
}

func parseWrapped(b []byte) ([]byte, error) {
	body := len(b) - 4
	if body < len(keyMagic) || !bytes.HasPrefix(b, []byte(keyMagic)) || binary.LittleEndian.Uint32(b[body:]) != crcOf(b[:body]) {
		return nil, fmt.Errorf("%w: it is not a wrapped key or its checksum is wrong", errPacked)
	}
	return b[len(keyMagic):body], nil
}

// RotateKey wraps every data key with the next keeper and uses it from now on;
// no data is rewritten. Other processes keep working with the keeper they have
// for the packs whose keys they have unwrapped, and need the next one for the
// others. Interrupted, it goes on when called again; so it should be, once every
// process has the next keeper, for what they wrote meanwhile.
func (r *Repository) RotateKey(ctx context.Context, next *secrets.Keeper) error {
	old := r.keys.current()
	if next == nil || old == nil {
		return &Error{Op: "rotate key", Err: errors.New("it takes a keeper before and after: a repository does not become encrypted or plain by rotation")}
	}
	r.keys.use(next)
	for e, err := range r.store.backend.list(ctx, keyPrefix) {
		if err != nil {
			return r.fail(ctx, "rotate key", "", err)
		}
		id, ok := packOfKey(keyPrefix, e.key)
		if !ok {
			continue
		}
		if err := r.rewrap(ctx, id, old, next); err != nil {
			return r.fail(ctx, "rotate key", "", err)
		}
	}
	return nil
}

func (r *Repository) rewrap(ctx context.Context, id string, old, next *secrets.Keeper) error {
	wrapped, err := r.wrappedKey(ctx, id)
	if isNotFound(err) {
		return nil // collected since
	}
	if err != nil {
		return err
	}
	if _, err := next.Decrypt(ctx, wrapped); err == nil {
		return nil
	}
	raw, err := old.Decrypt(ctx, wrapped)
	if err != nil {
		return fmt.Errorf("%w: data key of pack %s opens with neither keeper: %w", ErrKey, id, err)
	}
	if wrapped, err = next.Encrypt(ctx, raw); err != nil {
		return fmt.Errorf("wrap the data key of pack %s: %w", id, err)
	}
	return r.putObject(ctx, packKeyOf(keyPrefix, id), encodeWrapped(wrapped))
}
