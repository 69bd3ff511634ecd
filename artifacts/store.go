package artifacts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
)

// Limits that apply unless Open is told otherwise.
const (
	// DefaultMaxSize is the largest content Put takes, in bytes: 10 GiB.
	DefaultMaxSize int64 = 10 << 30
	// DefaultStallTimeout is how long a remote store may be silent.
	DefaultStallTimeout = 2 * time.Minute
)

// Store is an open content-addressed store. It is safe for use by several
// goroutines, and a folder or bucket by several processes, at once.
type Store struct {
	bucket  *blob.Bucket
	backend backend
	name    string // where it is, for messages
	remote  bool   // reached over a network
	keys    keyring
	opts    options
}

// backend is where a folder and an object store differ: how bytes get there
// for good, and how blobs are enumerated. Reading is gocloud's for both.
type backend interface {
	// spoolTo says where Put stages content too large for memory.
	spoolTo() spoolPlace
	// commit makes sp the blob at key, replacing what is there, and returns
	// once it will survive a crash. Readers see all of it or nothing.
	commit(ctx context.Context, key string, sp *spool, mediaType string) error
	// settle returns once the blob found at key will survive a crash. Another
	// writer may have put it there without having finished its commit.
	settle(ctx context.Context, key string) error
	// list yields every key that begins with prefix, a folder with its final
	// slash, in ascending order.
	list(ctx context.Context, prefix string) iter.Seq2[entry, error]
}

// entry is one key that a backend lists.
type entry struct {
	key     string
	size    int64
	written time.Time
}

// Option changes a limit of Open.
type Option func(*options)

type options struct {
	maxSize int64
	stall   time.Duration
	keepers []*secrets.Keeper
}

// WithMaxSize sets the largest content in bytes that Put takes.
func WithMaxSize(n int64) Option { return func(o *options) { o.maxSize = n } }

// WithStallTimeout sets how long a remote store may move no byte before the
// operation is given up; 0 waits as long as the context does. A server that is slow
// and takes some bytes, or gives some, within that time is waited for.
func WithStallTimeout(d time.Duration) Option { return func(o *options) { o.stall = d } }

func (o options) validate() error {
	if o.maxSize <= 0 {
		return fmt.Errorf("max size is %d bytes, must be at least 1", o.maxSize)
	}
	if slices.Contains(o.keepers, nil) {
		return errors.New("a keeper is nil")
	}
	if o.stall < 0 {
		return fmt.Errorf("stall timeout is %s, must not be negative", o.stall)
	}
	return nil
}

// Open opens the store at url:
//
//	/dir or file:///dir   a folder; it is made if it does not exist
//	mem://                memory, empty, gone when closed; for tests
//	s3://bucket?…         a bucket, which must exist
//
// An S3 URL takes the parameters of gocloud.dev/blob/s3blob, among them
// region, endpoint, use_path_style=true, disable_https=true, profile and
// prefix. Credentials come from the AWS environment variables, the shared
// credentials file or the machine's role, never from the URL.
//
// Open fails when the folder cannot be made or the bucket does not answer.
// It removes temporary files that crashed writers left in a folder over a day ago.
func Open(ctx context.Context, url string, opts ...Option) (*Store, error) {
	o := options{maxSize: DefaultMaxSize, stall: DefaultStallTimeout}
	for _, opt := range opts {
		opt(&o)
	}
	loc, err := parseLocation(url)
	if err = errors.Join(err, o.validate()); err != nil {
		return nil, &Error{Op: "open", Err: err}
	}
	s := &Store{name: loc.String(), remote: loc.scheme == schemeS3, keys: keyring{keepers: slices.Clone(o.keepers)}, opts: o}
	switch loc.scheme {
	case schemeFile:
		s.bucket, s.backend, err = openFolder(loc.dir)
	case schemeMem:
		s.bucket, s.backend = openMemory()
	case schemeS3:
		w := watch(ctx, o.stall)
		defer w.end()
		ctx = w.ctx
		s.bucket, s.backend, err = openS3(ctx, loc.url, o.stall)
	}
	if err != nil {
		return nil, s.fail(ctx, "open", "", fmt.Errorf("store %s: %w", s.name, err))
	}
	return s, nil
}

// Stat returns the digest and size of the blob d without reading it: that the
// bytes are whole is what Verify finds out. It fails with ErrNotFound.
func (s *Store) Stat(ctx context.Context, d Digest) (Ref, error) {
	ref, _, err := s.stat(ctx, "stat", d)
	return ref, err
}

// stat also tells where the blob is.
func (s *Store) stat(ctx context.Context, op string, d Digest) (Ref, place, error) {
	if _, err := ParseDigest(string(d)); err != nil {
		return Ref{}, place{}, &Error{Op: op, Err: err}
	}
	w := watch(ctx, s.opts.stall)
	defer w.end()
	err := ErrNotFound
	for _, at := range s.places(d) {
		attrs, e := s.bucket.Attributes(w.ctx, at.key)
		if e == nil {
			return Ref{Digest: d, Size: at.contentSize(attrs.Size)}, at, nil
		}
		if err = e; gcerrors.Code(e) != gcerrors.NotFound {
			break
		}
	}
	return Ref{}, place{}, s.fail(w.ctx, op, d, err)
}

// List yields every blob in the order of digests, without reading them. Files
// that are no blobs are passed over. After an error it yields no more.
func (s *Store) List(ctx context.Context) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		sealed, stop := iter.Pull2(s.listed(ctx, sealedPrefix))
		defer stop()
		next, nextErr, more := sealed()
		tell := func(ref Ref, err error) bool { return yield(ref, err) && err == nil }
		for ref, err := range s.listed(ctx, casPrefix) {
			for ; more && err == nil && (nextErr != nil || next.Digest < ref.Digest); next, nextErr, more = sealed() {
				if !tell(next, nextErr) {
					return
				}
			}
			if err == nil && more && next.Digest == ref.Digest { // kept in both ways
				next, nextErr, more = sealed()
			}
			if !tell(ref, err) {
				return
			}
		}
		for ; more; next, nextErr, more = sealed() {
			if !tell(next, nextErr) {
				return
			}
		}
	}
}

// listed yields the blobs below one prefix.
func (s *Store) listed(ctx context.Context, prefix string) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		for e, err := range s.backend.list(ctx, prefix) {
			if err != nil {
				yield(Ref{}, s.fail(ctx, "list", "", err))
				return
			}
			d, ok := digestOfKey(casPrefix + strings.TrimPrefix(e.key, prefix))
			if !ok {
				continue
			}
			if !yield(Ref{Digest: d, Size: place{sealed: prefix == sealedPrefix}.contentSize(e.size)}, nil) {
				return
			}
		}
	}
}

// Close releases what the store holds. Calls that follow fail.
func (s *Store) Close() error { return s.bucket.Close() }
