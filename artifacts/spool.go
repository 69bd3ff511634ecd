package artifacts

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// spoolMemory is the largest content kept in memory while it is hashed.
const spoolMemory = 1 << 20

// errSource marks a failure of the reader that Put was given.
var errSource = errors.New("read source")

// spoolPlace says where spooled files go.
type spoolPlace struct {
	dir string
	// keepName leaves the file its name, so that it can be renamed into place.
	// Otherwise the name goes at once and a crash leaves nothing behind.
	keepName bool
}

// spool holds content whose digest is known: a blob's key depends on all of its
// bytes, so they have to be somewhere before the first can be written.
type spool struct {
	digest Digest
	size   int64    // of the content
	mem    []byte   // what is to be stored, if it is small
	file   *os.File // else a file that holds it
	stored int64    // bytes of mem or file
	named  bool     // file still has a name to remove

	newSeal func() (*seal, error)
	seal    *seal // what mem or file is encrypted with; nil: it is the content as it is
}

// newSpool reads r to its end. It fails with ErrTooLarge after limit bytes.
// With newSeal giving a key, a file holds the content encrypted from the first
// byte on: a crash may leave it. discard must be called on the result.
func newSpool(ctx context.Context, r io.Reader, place spoolPlace, limit int64, newSeal func() (*seal, error)) (_ *spool, err error) {
	sp := &spool{newSeal: newSeal}
	defer func() {
		if err != nil {
			sp.discard()
		}
	}()
	h := sha256.New()
	src := &source{ctx: ctx, r: r, left: limit}
	var head bytes.Buffer
	n, err := io.CopyN(io.MultiWriter(&head, h), src, spoolMemory+1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, tooLarge(err, limit)
	}
	if n <= spoolMemory {
		sp.mem, sp.size, sp.stored, sp.digest = head.Bytes(), n, n, sumDigest(h)
		return sp, nil
	}
	if sp.seal, err = newSeal(); err != nil {
		return nil, err
	}
	if sp.file, err = createTemp(place.dir, "put-"); err != nil {
		return nil, fmt.Errorf("spool to a temporary file: %w", err)
	}
	sp.named = true
	if !place.keepName {
		sp.named = os.Remove(sp.file.Name()) != nil
	}
	if err := sp.fill(&head, src, h); err != nil {
		return nil, tooLarge(err, limit)
	}
	sp.digest = sumDigest(h)
	return sp, nil
}

// fill writes head, which h has seen, and the rest of src, which it has not.
func (sp *spool) fill(head *bytes.Buffer, src io.Reader, h hash.Hash) error {
	sp.size = int64(head.Len())
	if sp.seal == nil {
		return sp.copyTo(sp.file, head, src, h)
	}
	sealed, err := sp.seal.key.sealTo(sp.file)
	if err == nil {
		err = sp.copyTo(sealed, head, src, h)
	}
	if err == nil {
		err = sealed.Close()
	}
	sp.stored = sealedSize(sp.size)
	return err
}

func (sp *spool) copyTo(w io.Writer, head *bytes.Buffer, src io.Reader, h hash.Hash) error {
	if _, err := head.WriteTo(w); err != nil {
		return err
	}
	n, err := io.CopyBuffer(io.MultiWriter(w, h), src, make([]byte, copyBuffer))
	sp.size += n
	sp.stored = sp.size
	return err
}

// encrypt makes sure that what is to be stored is encrypted.
func (sp *spool) encrypt() (err error) {
	if sp.seal != nil {
		return nil
	}
	if sp.seal, err = sp.newSeal(); err != nil {
		return err
	}
	sp.mem, err = sp.seal.key.seal(sp.mem)
	sp.stored = int64(len(sp.mem))
	return err
}

// content returns a reader of what is to be stored.
func (sp *spool) content() io.Reader {
	if sp.file == nil {
		return bytes.NewReader(sp.mem)
	}
	return io.NewSectionReader(sp.file, 0, sp.stored)
}

// discard gives up what the spool still holds.
func (sp *spool) discard() {
	if sp.file == nil {
		return
	}
	// Nothing depends on either: the bytes are stored by now or not wanted.
	_ = sp.file.Close()
	if sp.named {
		_ = os.Remove(sp.file.Name())
	}
}

// source reads what the caller gave, within its limit and its context.
type source struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (s *source) Read(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	// One byte more than allowed tells "ends here" from "goes on".
	if int64(len(p))-1 > s.left {
		p = p[:s.left+1]
	}
	n, err := s.r.Read(p)
	if s.left -= int64(n); s.left < 0 {
		return n, ErrTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errSource, err)
	}
	return n, err
}

func tooLarge(err error, limit int64) error {
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("%w: it exceeds the limit of %d bytes", ErrTooLarge, limit)
	}
	return err
}

// createTemp makes a new file in dir. Unlike os.CreateTemp it leaves the mode
// to the umask, because the file may become a blob that others read.
func createTemp(dir, prefix string) (*os.File, error) { return createTempFile(dir, prefix, 0) }

func createTempFile(dir, prefix string, flags int) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, prefix+rand.Text()+tempSuffix), os.O_RDWR|os.O_CREATE|os.O_EXCL|flags, 0o666)
}
