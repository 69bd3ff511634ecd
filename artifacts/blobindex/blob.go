package blobindex

import (
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// ErrExpired tells that an upload's pin is gone: it was not renewed in time, and
// a garbage collection may have taken what it counted on. Upload again.
var ErrExpired = errors.New("the upload's pin expired")

// Sum is the hash that names the content of a blob: a BLAKE3-256 if it is a Chunk, else a SHA-256.
type Sum [32]byte

// String returns the 64 lower-case hexadecimal digits.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// Scan implements sql.Scanner.
func (s *Sum) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(s) {
		return fmt.Errorf("digest column holds %T of %d bytes, want %d bytes", src, len(b), len(s))
	}
	copy(s[:], b)
	return nil
}

// Value implements driver.Valuer.
func (s Sum) Value() (driver.Value, error) { return s[:], nil }

// Kind says what the content of a blob is. The numbers are a persisted format.
type Kind uint8

// Kinds of blobs.
const (
	// Data is the content of a small file. Before there was Chunk, it was a chunk of a large one too.
	Data Kind = 0
	// List is the list of the chunks of a large file. It is named by the SHA-256
	// of the file, not of the list.
	List Kind = 1
	// Manifest is a list of files, or of such lists.
	Manifest Kind = 2
	// Chunk is a part of a large file.
	Chunk Kind = 3
)

// NamedAs tells whether blobs of two kinds are named by the same hash function. By a name
// of one, no blob of the other is meant.
func (k Kind) NamedAs(other Kind) bool { return (k == Chunk) == (other == Chunk) }

// Encoding says how the bytes of a blob are stored. The numbers are a persisted format.
type Encoding uint8

// Encodings. Zstd and Sealed may be combined: compressed, then encrypted.
const (
	Raw    Encoding = 0
	Zstd   Encoding = 1
	Sealed Encoding = 2
)

// Blob is where in which pack a blob lies.
type Blob struct {
	Sum      Sum      `db:"sum"`
	Kind     Kind     `db:"kind"`
	Encoding Encoding `db:"encoding"`
	Pack     string   `db:"pack"`
	Offset   int64    `db:"off"`    // bytes from the beginning of the pack
	Stored   int64    `db:"stored"` // bytes in the pack
	Size     int64    `db:"size"`   // bytes of content
	CRC      uint32   `db:"crc"`    // CRC-32C of the stored bytes
	// Touched is when somebody last counted on the blob. The index sets it.
	Touched time.Time `db:"-"`
	// From is the pack a blob is moved from; empty for a new one. See SavePack.
	From string `db:"-"`
}

// Pack is one stored object that holds blobs.
type Pack struct {
	ID    string `db:"id"`
	Bytes int64  `db:"bytes"` // of the object
	// Condemned tells that nothing of the pack is needed and its object is being deleted.
	Condemned bool `db:"condemned"`
	// Live is the sum of Stored over the blobs that lie in the pack, Blobs their number.
	Live  int64 `db:"live"`
	Blobs int64 `db:"blobs"`
	// Saved is when the pack was put on record. The index sets it.
	Saved time.Time `db:"-"`
}
