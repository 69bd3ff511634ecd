package artifacts

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// The layout of an encrypted blob is a persisted format: see docs/formats.md,
// section "Encrypted blobs". It follows the STREAM construction, Hoang et al.,
// "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015.
const (
	sealMagic   = "SLIPSEAL"
	sealVersion = 1
	sealIDSize  = 16
	sealHeader  = 8 + 1 + 7 + sealIDSize
	// sealSegment is the content in bytes of every segment but the last.
	sealSegment = 64 << 10
)

// errSealed: the bytes of an encrypted blob are not what was written.
var errSealed = fmt.Errorf("%w", ErrDamaged)

// sealedSize is what content of the given size takes, encrypted.
func sealedSize(size int64) int64 {
	return sealHeader + size + sealOverhead*max(1, (size+sealSegment-1)/sealSegment)
}

// contentSize is the inverse of sealedSize; ok is false for what is no size of an encrypted blob.
func contentSize(stored int64) (size int64, ok bool) {
	body := stored - sealHeader
	segments := max(1, (body+sealSegment+sealOverhead-1)/(sealSegment+sealOverhead))
	size = body - segments*sealOverhead
	return size, size >= 0 && sealedSize(size) == stored
}

// sealKey encrypts one blob. Its data key is used for nothing else, so counting
// nonces never repeat.
type sealKey struct {
	aead   cipher.AEAD
	header []byte // additional data of every segment
}

// sealID is the random name of the data key that a blob is encrypted with.
type sealID [sealIDSize]byte

func (id sealID) String() string { return hex.EncodeToString(id[:]) }

func newSealID() (id sealID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func newSealKey(id sealID, key []byte) (*sealKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealKey{aead: aead, header: sealHeaderOf(id)}, err
}

func sealHeaderOf(id sealID) []byte {
	b := append([]byte(sealMagic), sealVersion, 0, 0, 0, 0, 0, 0, 0)
	return append(b, id[:]...)
}

// parseSealHeader returns the name of the data key.
func parseSealHeader(b []byte) (id sealID, err error) {
	if len(b) < sealHeader {
		return id, fmt.Errorf("%w: %d bytes are too few for an encrypted blob", errSealed, len(b))
	}
	copy(id[:], b[sealHeader-sealIDSize:])
	if !bytes.Equal(b[:sealHeader], sealHeaderOf(id)) {
		return id, fmt.Errorf("%w: the header is not that of an encrypted blob, version %d: a newer program wrote it or it changed", errSealed, sealVersion)
	}
	return id, nil
}

// segmentNonce is one of its own for each segment and tells whether it is the last:
// segments that are left out, moved or cut off do not decrypt.
func segmentNonce(n uint64, last bool) []byte {
	nonce := make([]byte, 4, 12)
	if last {
		nonce[3] = 1
	}
	return binary.BigEndian.AppendUint64(nonce, n)
}

// sealer encrypts what is written to it. Close writes the end of it, and nothing else.
type sealer struct {
	w     io.Writer
	key   *sealKey
	n     uint64
	plain []byte // of the next segment
	out   []byte
}

// sealTo writes the header to w and returns the writer of the content.
func (k *sealKey) sealTo(w io.Writer) (*sealer, error) {
	_, err := w.Write(k.header)
	return &sealer{w: w, key: k, plain: make([]byte, 0, sealSegment), out: make([]byte, 0, sealSegment+sealOverhead)}, err
}

func (s *sealer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if len(s.plain) == sealSegment { // it is not the last one
			if err := s.segment(false); err != nil {
				return n, err
			}
		}
		m := min(len(p)-n, sealSegment-len(s.plain))
		s.plain = append(s.plain, p[n:n+m]...)
		n += m
	}
	return n, nil
}

func (s *sealer) segment(last bool) error {
	s.out = s.key.aead.Seal(s.out[:0], segmentNonce(s.n, last), s.plain, s.key.header)
	s.n, s.plain = s.n+1, s.plain[:0]
	_, err := s.w.Write(s.out)
	return err
}

func (s *sealer) Close() error { return s.segment(true) }

// seal encrypts content in memory.
func (k *sealKey) seal(content []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(sealedSize(int64(len(content)))))
	s, err := k.sealTo(&b)
	if err == nil {
		_, err = s.Write(content)
	}
	if err == nil {
		err = s.Close()
	}
	return b.Bytes(), err
}

// unsealer decrypts the segments that src yields after the header.
type unsealer struct {
	src   io.Reader
	key   *sealKey
	left  int64 // bytes of src that segments take
	n     uint64
	in    []byte
	plain []byte // decrypted and not yet read
}

// unseal returns a reader of content of the given size.
func (k *sealKey) unseal(src io.Reader, size int64) *unsealer {
	return &unsealer{src: src, key: k, left: sealedSize(size) - sealHeader, in: make([]byte, min(size, sealSegment)+sealOverhead)}
}

func (u *unsealer) Read(p []byte) (int, error) {
	for len(u.plain) == 0 {
		if u.left == 0 {
			return 0, io.EOF
		}
		if err := u.segment(); err != nil {
			return 0, err
		}
	}
	n := copy(p, u.plain)
	u.plain = u.plain[n:]
	return n, nil
}

func (u *unsealer) segment() error {
	in := u.in[:min(u.left, int64(len(u.in)))]
	if _, err := io.ReadFull(u.src, in); err != nil {
		if errors.Is(err, io.EOF) { // a reader ends as it should, or with an error of its own
			err = fmt.Errorf("%w: it ends early", errSealed)
		}
		return err
	}
	u.left -= int64(len(in))
	plain, err := u.key.aead.Open(in[:0], segmentNonce(u.n, u.left == 0), in, u.key.header)
	if err != nil {
		return fmt.Errorf("%w: segment %d does not decrypt", errSealed, u.n)
	}
	u.n, u.plain = u.n+1, plain
	return nil
}
