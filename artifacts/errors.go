package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"gocloud.dev/gcerrors"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

var (
	// ErrNotFound: the store has no blob of this digest.
	ErrNotFound = errors.New("no such artifact")
	// ErrDamaged: the stored bytes do not hash to the digest that names them.
	ErrDamaged = errors.New("artifact is damaged")
	// ErrMismatch: the bytes given to PutExpect are not the expected ones.
	ErrMismatch = errors.New("content does not match the expected digest")
	// ErrTooLarge: the content exceeds the size the store or the caller allows.
	ErrTooLarge = errors.New("artifact is too large")
	// ErrUnsupported: a repository holds regular files with portable names, and
	// this is something else.
	ErrUnsupported = errors.New("not supported in a repository")
	// ErrChanged: a file changed while it was read.
	ErrChanged = errors.New("file changed while it was read")
	// ErrKey: the data key of a pack or blob cannot be unwrapped with the keepers that are set.
	ErrKey = errors.New("the key cannot be unwrapped")
)

// Error is what every method of Store and Repository fails with: what was done to which blob,
// why it failed and what a person can do about it. errors.Is finds the
// sentinels above and the errors of package context through it.
type Error struct {
	// Op is the operation: open, put, stat, read, verify, fetch or list.
	Op string
	// Digest is the blob in question; empty when there is none (yet).
	Digest Digest
	// Hint says what to do; may be empty.
	Hint string
	// Err is the cause.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("artifacts: " + e.Op)
	if e.Digest != "" {
		b.WriteString(" " + string(e.Digest))
	}
	b.WriteString(": " + e.Err.Error())
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail turns err, met while doing op to d, into an *Error. A context that has
// ended outranks what the drivers made of it, because its cause says more.
func (s *Store) fail(ctx context.Context, op string, d Digest, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	} else if gcerrors.Code(err) == gcerrors.NotFound {
		err = ErrNotFound
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return &Error{Op: op, Digest: d, Hint: s.hint(err), Err: err}
}

func (s *Store) hint(err error) string {
	var at damagedAt
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ""
	case errors.Is(err, ErrUnsupported):
		return "" // says it itself
	case errors.Is(err, ErrChanged):
		return "try again when nothing writes to it"
	case errors.Is(err, ErrKey):
		return "check that the key is the one the store was written or last rotated with"
	case errors.Is(err, blobindex.ErrExpired):
		return "try again: what is stored already is not stored again"
	case errors.Is(err, errPacked) && !errors.As(err, &at):
		return "add the data again after taking the damaged blobs off the record, or restore the object from a copy"
	case errors.Is(err, ErrNotFound):
		return fmt.Sprintf("put it again, or check that %s is the store it was put in", s.name)
	case errors.As(err, &at):
		return fmt.Sprintf("delete %s from %s and put the original again", at.key, s.name)
	case errors.Is(err, ErrMismatch):
		return "the source changed or was cut short; get it again"
	case errors.Is(err, ErrTooLarge), errors.Is(err, errSource), errors.Is(err, errNoBucket):
		return ""
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free space or raise the quota"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("give this process write access to %s", s.name)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Sprintf("a file stands where %s needs a folder", s.name)
	case gcerrors.Code(err) == gcerrors.PermissionDenied:
		return fmt.Sprintf("check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE) and the bucket policy of %s", s.name)
	case s.remote:
		return fmt.Sprintf("check that %s answers and that region (?region= or AWS_REGION) and credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE) are set", s.name)
	}
	return ""
}
