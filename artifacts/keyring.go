package artifacts

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"gocloud.dev/secrets"
)

const (
	keyMagic    = "SLIPKEY1"
	dataKeySize = 32 // AES-256
	// maxWrapped bounds a key object that is read.
	maxWrapped = 64 << 10
)

// keyring wraps and unwraps data keys. The first keeper wraps, all of them unwrap.
type keyring struct {
	mu      sync.Mutex
	keepers []*secrets.Keeper
}

func (k *keyring) all() []*secrets.Keeper {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.keepers)
}

func (k *keyring) encrypts() bool { return len(k.all()) > 0 }

// use makes a keeper the one that wraps; the others go on to unwrap.
func (k *keyring) use(keeper *secrets.Keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keepers = append([]*secrets.Keeper{keeper}, slices.DeleteFunc(k.keepers, func(old *secrets.Keeper) bool { return old == keeper })...)
}

// newKey makes a data key and the content of the object that keeps it.
func (k *keyring) newKey(ctx context.Context) (raw, object []byte, err error) {
	raw = make([]byte, dataKeySize)
	_, _ = rand.Read(raw) // never fails
	wrapped, err := k.all()[0].Encrypt(ctx, raw)
	if err != nil {
		return nil, nil, fmt.Errorf("wrap a data key: %w", err)
	}
	return raw, encodeWrapped(wrapped), nil
}

// open unwraps a data key with whichever keeper can.
func (k *keyring) open(ctx context.Context, wrapped []byte) ([]byte, error) {
	keepers := k.all()
	if len(keepers) == 0 {
		return nil, fmt.Errorf("%w: it is wrapped and no keeper is set", ErrKey)
	}
	var errs []error
	for _, keeper := range keepers {
		raw, err := keeper.Decrypt(ctx, wrapped)
		if err == nil {
			return raw, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrKey, errors.Join(errs...))
}

// unwrapKey reads the key object at key and unwraps what is in it.
func (s *Store) unwrapKey(ctx context.Context, key string) ([]byte, error) {
	if !s.keys.encrypts() {
		return nil, fmt.Errorf("%w: it is wrapped and no keeper is set", ErrKey)
	}
	wrapped, err := s.wrappedKey(ctx, key)
	if err != nil {
		return nil, err
	}
	return s.keys.open(ctx, wrapped)
}

func (s *Store) wrappedKey(ctx context.Context, key string) ([]byte, error) {
	b, err := s.readObject(ctx, key, maxWrapped)
	if err != nil {
		return nil, err
	}
	return parseWrapped(b)
}

// encodeWrapped is the content of a key object.
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
