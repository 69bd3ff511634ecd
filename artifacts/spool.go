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
	size   int64
	mem    []byte   // the content, if it is small
	file   *os.File // else a file that holds it
	named  bool     // file still has a name to remove
}

// newSpool reads r to its end. It fails with ErrTooLarge after limit bytes.
// discard must be called on the result.
func newSpool(ctx context.Context, r io.Reader, place spoolPlace, limit int64) (_ *spool, err error) {
	sp := &spool{}
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
		sp.mem, sp.size, sp.digest = head.Bytes(), n, sumDigest(h)
		return sp, nil
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
	n, err := head.WriteTo(sp.file)
	if err != nil {
		return err
	}
	m, err := io.CopyBuffer(io.MultiWriter(sp.file, h), src, make([]byte, copyBuffer))
	sp.size = n + m
	return err
}

// content returns a reader of the whole content.
func (sp *spool) content() io.Reader {
	if sp.file == nil {
		return bytes.NewReader(sp.mem)
	}
	return io.NewSectionReader(sp.file, 0, sp.size)
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
func createTemp(dir, prefix string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, prefix+rand.Text()+tempSuffix), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}
