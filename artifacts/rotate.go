package artifacts

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/secrets"
)

// RotateKey wraps every data key in the store, those of packs and those of
// blobs, with the next keeper and uses it from now on; no data is rewritten.
// What was wrapped before is still unwrapped with the keepers until now. Other
// processes need the next keeper beside theirs, see WithKeepers, before this
// begins. Interrupted, it goes on when called again; so it should be, once every
// process wraps with the next keeper, for what they wrote meanwhile.
func (r *Repository) RotateKey(ctx context.Context, next *secrets.Keeper) error {
	if err := r.store.rotateKey(ctx, next); err != nil {
		return r.fail(ctx, "rotate key", "", err)
	}
	return nil
}

func (s *Store) rotateKey(ctx context.Context, next *secrets.Keeper) error {
	if next == nil || !s.keys.encrypts() {
		return errors.New("it takes a keeper before and after: a store does not become encrypted or plain by rotation")
	}
	s.keys.use(next)
	for _, prefix := range []string{keyPrefix, sealedKeyPrefix} {
		for e, err := range s.backend.list(ctx, prefix) {
			if err != nil {
				return err
			}
			_, pack := packOfKey(keyPrefix, e.key)
			if _, _, blob := parseSealedKey(e.key); !pack && !blob {
				continue
			}
			if err := s.rewrap(ctx, e.key, next); err != nil {
				return fmt.Errorf("%s: %w", e.key, err)
			}
		}
	}
	return nil
}

func (s *Store) rewrap(ctx context.Context, key string, next *secrets.Keeper) error {
	wrapped, err := s.wrappedKey(ctx, key)
	if isNotFound(err) {
		return nil // collected since
	}
	if err != nil {
		return err
	}
	if _, err := next.Decrypt(ctx, wrapped); err == nil {
		return nil
	}
	raw, err := s.keys.open(ctx, wrapped)
	if err != nil {
		return err
	}
	if wrapped, err = next.Encrypt(ctx, raw); err != nil {
		return fmt.Errorf("wrap it: %w", err)
	}
	return s.putObject(ctx, key, encodeWrapped(wrapped))
}
