package artifacts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// copyBuffer is the size in bytes of the buffers content is copied through.
const copyBuffer = 256 << 10

// Open returns a reader of the blob d, which the caller closes. The content is
// checked as it is read: where it is not what d names, the last Read fails with
// ErrDamaged in place of io.EOF. Bytes read before that are not yet proven; who
// cannot take them back uses Read or Fetch.
//
// It fails with ErrNotFound when there is no such blob. The context covers the
// reading too.
func (s *Store) Open(ctx context.Context, d Digest) (io.ReadCloser, error) {
	return s.open(ctx, "read", d)
}

// Read returns the whole content of the blob d, verified. A blob larger than
// max bytes fails with ErrTooLarge, unread.
func (s *Store) Read(ctx context.Context, d Digest, max int64) (_ []byte, err error) {
	v, err := s.open(ctx, "read", d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if v.size > max {
		return nil, s.fail(ctx, "read", d, fmt.Errorf("%w: it has %d bytes, at most %d are read here", ErrTooLarge, v.size, max))
	}
	var buf bytes.Buffer
	buf.Grow(int(v.size) + bytes.MinRead) // room to meet the end without growing
	if _, err := buf.ReadFrom(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Verify reads the blob d and fails with ErrDamaged when its content is not
// what d names, with ErrNotFound when it is not there.
func (s *Store) Verify(ctx context.Context, d Digest) (err error) {
	v, err := s.open(ctx, "verify", d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	buf := make([]byte, copyBuffer)
	for {
		if _, err := v.Read(buf); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (s *Store) open(ctx context.Context, op string, d Digest) (*verifier, error) {
	if _, err := ParseDigest(string(d)); err != nil {
		return nil, &Error{Op: op, Err: err}
	}
	w := watch(ctx, s.opts.stall)
	v, err := s.openAt(w, d)
	w.pause()
	if err != nil {
		defer w.end()
		return nil, s.fail(w.ctx, op, d, err)
	}
	v.s, v.op, v.want, v.w, v.hash = s, op, d, w, sha256.New()
	return v, nil
}

// openAt finds the blob and returns a verifier of what is there.
func (s *Store) openAt(w *watchdog, d Digest) (_ *verifier, err error) {
	for _, at := range s.places(d) {
		var src *blob.Reader
		if src, err = s.bucket.NewReader(w.ctx, at.key, nil); err != nil {
			if gcerrors.Code(err) == gcerrors.NotFound {
				continue
			}
			return nil, err
		}
		v := &verifier{key: at.key, src: src, close: src.Close, size: src.Size()}
		if at.sealed {
			w.moved()
			if v.src, v.size, err = s.unsealed(w.ctx, d, src, src.Size()); err != nil {
				return nil, errors.Join(err, src.Close())
			}
		}
		return v, nil
	}
	return nil, err
}

// verifier reads a blob and refuses to end well unless the bytes hash to want.
type verifier struct {
	s    *Store
	op   string
	want Digest
	w    *watchdog
	key  string // where it is
	size int64  // that it should have

	src   io.Reader
	close func() error
	hash  hash.Hash
	n     int64
	err   error // what the first failed Read returned, and all after it return
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if err := context.Cause(v.w.ctx); err != nil {
		v.err = v.s.fail(v.w.ctx, v.op, v.want, err)
		return 0, v.err
	}
	v.w.moved()
	n, err := v.src.Read(p)
	v.w.pause()
	v.hash.Write(p[:n])
	v.n += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		v.err = v.verdict()
	case errors.Is(err, ErrDamaged):
		v.err = v.damaged(err)
	case err != nil:
		v.err = v.s.fail(v.w.ctx, v.op, v.want, fmt.Errorf("after %d bytes: %w", v.n, err))
	}
	return n, v.err
}

// verdict is io.EOF when all was read and is right.
func (v *verifier) verdict() error {
	got := sumDigest(v.hash)
	if got == v.want {
		return io.EOF
	}
	return v.damaged(fmt.Errorf("%w: its %d bytes hash to %s", ErrDamaged, v.n, got))
}

func (v *verifier) damaged(err error) error {
	return v.s.fail(v.w.ctx, v.op, v.want, damagedAt{v.key, err})
}

func (v *verifier) Close() error {
	defer v.w.end()
	return v.close()
}
