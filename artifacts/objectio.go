package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/gcerrors"
)

// readRange reads n bytes of an object.
func (s *Store) readRange(ctx context.Context, key string, offset, n int64) (_ []byte, err error) {
	w := watch(ctx, s.opts.stall)
	defer w.end()
	src, err := s.bucket.NewRangeReader(w.ctx, key, offset, n, nil)
	if err != nil {
		return nil, moreOf(w, err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if n < 0 {
		if n = src.Size() - offset; n > maxPack {
			return nil, fmt.Errorf("%w: %s has %d bytes", errPacked, key, n)
		}
	}
	b := make([]byte, n)
	for got := 0; got < len(b); {
		w.moved()
		m, err := src.Read(b[got:])
		if got += m; got == len(b) {
			break
		}
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: %s ends after %d bytes of %d", errPacked, key, offset+int64(got), offset+n)
		}
		if err != nil {
			return nil, moreOf(w, err)
		}
	}
	return b, nil
}

// readObject reads a whole object of at most max bytes.
func (s *Store) readObject(ctx context.Context, key string, max int64) ([]byte, error) {
	b, err := s.readRange(ctx, key, 0, -1)
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("%w: %s has %d bytes", errPacked, key, len(b))
	}
	return b, err
}

// moreOf is the reason why a watchdog ended the context, if it did, or err.
func moreOf(w *watchdog, err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		return ErrNotFound
	}
	return err
}

// putObject makes b the object at key, durably, replacing what is there.
func (s *Store) putObject(ctx context.Context, key string, b []byte) error {
	sp := &spool{mem: b, stored: int64(len(b))}
	defer sp.discard()
	if err := s.backend.commit(ctx, key, sp, ""); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// deleteObject removes an object that may be gone already.
func (s *Store) deleteObject(ctx context.Context, key string) error {
	w := watch(ctx, s.opts.stall)
	defer w.end()
	if err := s.bucket.Delete(w.ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("delete %s: %w", key, moreOf(w, err))
	}
	return nil
}
