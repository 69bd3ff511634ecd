package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
)

// Put stores what r yields and returns its reference, mediaType in it. It
// returns when the bytes will survive a crash. Content that is already there is
// not written again, unless what is there has another size, as a torn copy
// made by another tool has: that is replaced.
//
// Content of more than the store's limit fails with ErrTooLarge.
func (s *Store) Put(ctx context.Context, r io.Reader, mediaType string) (Ref, error) {
	return s.put(ctx, r, "", mediaType)
}

// PutExpect is Put for content whose digest is known from elsewhere. Content
// of another digest is not stored and fails with ErrMismatch.
func (s *Store) PutExpect(ctx context.Context, r io.Reader, want Digest, mediaType string) (Ref, error) {
	if _, err := ParseDigest(string(want)); err != nil {
		return Ref{}, &Error{Op: "put", Err: err}
	}
	return s.put(ctx, r, want, mediaType)
}

// PutBytes is Put of b.
func (s *Store) PutBytes(ctx context.Context, b []byte, mediaType string) (Ref, error) {
	return s.put(ctx, bytes.NewReader(b), "", mediaType)
}

func (s *Store) put(ctx context.Context, r io.Reader, want Digest, mediaType string) (Ref, error) {
	if mediaType != "" {
		if _, _, err := mime.ParseMediaType(mediaType); err != nil {
			return Ref{}, &Error{Op: "put", Digest: want, Err: fmt.Errorf("media type %q: %w", clip(mediaType), err)}
		}
	}
	sp, err := newSpool(ctx, r, s.backend.spoolTo(), s.opts.maxSize, func() (*seal, error) { return s.newSeal(ctx) })
	if err != nil {
		return Ref{}, s.fail(ctx, "put", want, err)
	}
	defer sp.discard()
	if want != "" && want != sp.digest {
		return Ref{}, s.fail(ctx, "put", want, fmt.Errorf("%w: got %s, %d bytes", ErrMismatch, sp.digest, sp.size))
	}
	if err := s.store(ctx, sp, mediaType); err != nil {
		return Ref{}, s.fail(ctx, "put", sp.digest, err)
	}
	return Ref{Digest: sp.digest, Size: sp.size, MediaType: mediaType}, nil
}

// store makes sp a blob unless it is one already.
func (s *Store) store(ctx context.Context, sp *spool, mediaType string) error {
	found, at, err := s.stat(ctx, "put", sp.digest)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	there := err == nil && found.Size == sp.size
	if there && at.sealed {
		if there, err = s.hasKey(ctx, sp.digest); err != nil {
			return err
		}
	}
	if there {
		return s.backend.settle(ctx, at.key)
	}
	to := s.places(sp.digest)[0]
	if to.sealed {
		if err := sp.encrypt(); err != nil {
			return err
		}
		if err := sp.seal.keep(ctx, s, sp.digest); err != nil {
			return err
		}
	}
	if err := s.backend.commit(ctx, to.key, sp, mediaType); err != nil {
		return err
	}
	if at.key != "" && at.key != to.key { // of the wrong size, and no longer what is read
		return s.deleteObject(ctx, at.key)
	}
	return nil
}
