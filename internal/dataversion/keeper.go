package dataversion

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gocloud.dev/secrets"
	"gocloud.dev/secrets/awskms"
	"gocloud.dev/secrets/localsecrets"
)

// ErrKey tells that an encryption key can't be opened.
var ErrKey = errors.New("the encryption key can't be opened")

// OpenKeeper opens the key at url, which wraps the data keys; the caller closes it.
//
//	base64key://BASE64                    a key of 32 bytes in the URL itself, for development
//	awskms://KEY-ID?region=eu-central-1   a key of AWS KMS, as gocloud.dev/secrets/awskms takes it
//
// The URL holds a secret if the key is in it: no error quotes it.
func OpenKeeper(ctx context.Context, url string) (*secrets.Keeper, error) {
	mux := new(secrets.URLMux)
	mux.RegisterKeeper(localsecrets.Scheme, &localsecrets.URLOpener{})
	mux.RegisterKeeper(awskms.Scheme, &awskms.URLOpener{})
	scheme, key, _ := strings.Cut(url, "://")
	switch {
	case !mux.ValidKeeperScheme(scheme):
		return nil, fmt.Errorf("%w: its URL begins neither with base64key:// nor with awskms://", ErrKey)
	case scheme == localsecrets.Scheme && key == "": // would be a new random key, lost at the end of the program
		return nil, fmt.Errorf("%w: base64key:// needs the key, 32 bytes as `openssl rand -base64 32 | tr '+/' '-_'` prints them", ErrKey)
	}
	keeper, err := mux.OpenKeeper(ctx, url)
	switch {
	case err == nil:
		return keeper, nil
	case scheme == localsecrets.Scheme:
		return nil, fmt.Errorf("%w: base64key:// needs 32 bytes in the base64 of URLs, as `openssl rand -base64 32 | tr '+/' '-_'` prints them", ErrKey)
	}
	return nil, fmt.Errorf("%w: %w", ErrKey, err)
}

// Keepers are the opened keys of an encryption setting.
type Keepers []*secrets.Keeper

// OpenKeepers opens an encryption setting: the URL of the key that wraps the data
// keys, and after it, set off by white space, those of keys that only unwrap, as
// it takes while a key is rotated. The empty setting gives none: nothing is
// encrypted. The caller closes the keepers.
func OpenKeepers(ctx context.Context, setting string) (Keepers, error) {
	var keepers Keepers
	for _, url := range strings.Fields(setting) {
		k, err := OpenKeeper(ctx, url)
		if err != nil {
			return nil, errors.Join(err, keepers.Close())
		}
		keepers = append(keepers, k)
	}
	return keepers, nil
}

// Encrypt seals a short secret with the first key.
func (k Keepers) Encrypt(ctx context.Context, plaintext []byte) ([]byte, error) {
	if len(k) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrKey)
	}
	return k[0].Encrypt(ctx, plaintext)
}

// Decrypt opens what Encrypt sealed with any of the keys.
func (k Keepers) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	errs := []error{ErrKey}
	for _, keeper := range k {
		plaintext, err := keeper.Decrypt(ctx, ciphertext)
		if err == nil {
			return plaintext, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// Close closes all of them.
func (k Keepers) Close() error {
	var errs []error
	for _, keeper := range k {
		errs = append(errs, keeper.Close())
	}
	return errors.Join(errs...)
}

// RotateKey wraps every data key with the key at url and uses that from now on.
// No data is rewritten; interrupted, it goes on when called again. The library was
// opened with the key before.
func (l *Library) RotateKey(ctx context.Context, url string) error {
	next, err := OpenKeeper(ctx, url)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.closers = append(l.closers, next.Close) // the repository uses it until then
	l.mu.Unlock()
	return l.repository.RotateKey(ctx, next)
}
