package artifacts

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// The layout of a pack is a persisted format: see docs/formats.md, section "Repository".
const (
	packPrefix  = "packs/"
	packMagic   = "SLIPPACK"
	tailMagic   = "SLIPTAIL"
	packVersion = 1
	packIDSize  = 16
	packHeader  = 8 + 1 + 1 + 6 + packIDSize
	packTail    = 4 + 4 + 4 + 8
	packRow     = 32 + 1 + 1 + 2 + 4 + 4 + 4
	// flagSealed marks a pack whose frames and index are encrypted.
	flagSealed = 1

	// packTarget is the size in bytes that a pack does not exceed, unless by one
	// blob that is larger by itself.
	packTarget = 16 << 20
	// maxBlob bounds the content of one blob, and with it what a reader allocates.
	maxBlob = 64 << 20
	// maxPack bounds a pack that is read whole.
	maxPack = packTarget + maxBlob + 1<<20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// newPackID returns the name of a new pack: 32 random hexadecimal digits. It
// says nothing about the content, as a digest of it would.
func newPackID() string {
	var id [packIDSize]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// packKeyOf returns the object key of a pack, below packs/ or keys/.
func packKeyOf(prefix, id string) string { return prefix + id[:2] + "/" + id }

// packOfKey is the inverse of packKeyOf.
func packOfKey(prefix, key string) (id string, ok bool) {
	if len(key) != len(prefix)+3+2*packIDSize {
		return "", false
	}
	id = key[len(prefix)+3:]
	raw, err := hex.DecodeString(id)
	return id, err == nil && hex.EncodeToString(raw) == id && packKeyOf(prefix, id) == key
}

// tailCRC covers the header, the index and the two lengths: all but the frames,
// which have their own, and the tail's magic.
func tailCRC(header, indexAndLengths []byte) uint32 {
	return crc32.Update(crcOf(header), castagnoli, indexAndLengths)
}

// errPack tells what is wrong with the structure of a pack.
func errPack(format string, args ...any) error {
	return fmt.Errorf("%w: pack: %s", errPacked, fmt.Sprintf(format, args...))
}

// errPacked is ErrDamaged of something that lies in a pack.
var errPacked = fmt.Errorf("%w", ErrDamaged)

// parsePack checks the structure of the pack id, every byte of it but the
// frames', and returns its blobs. keyOf is called for a sealed pack.
func parsePack(id string, b []byte, keyOf func() (*packKey, error)) ([]blobindex.Blob, error) {
	if len(b) < packHeader+packTail {
		return nil, errPack("%d bytes are too few", len(b))
	}
	sealed := b[9]&flagSealed != 0
	if !bytes.Equal(b[:packHeader], appendHeader(nil, id, sealed)) {
		return nil, errPack("the header is not that of pack %s, version %d: it is damaged or a newer program wrote it", id, packVersion)
	}
	tail := b[len(b)-packTail:]
	if string(tail[12:]) != tailMagic {
		return nil, errPack("the end is missing")
	}
	length, count := int64(binary.LittleEndian.Uint32(tail)), int64(binary.LittleEndian.Uint32(tail[4:]))
	begin := int64(len(b)) - packTail - length
	if begin < packHeader {
		return nil, errPack("an index of %d bytes does not fit", length)
	}
	if tailCRC(b[:packHeader], b[begin:len(b)-packTail+8]) != binary.LittleEndian.Uint32(tail[8:]) {
		return nil, errPack("the checksum of the index is wrong")
	}
	index := b[begin : len(b)-packTail]
	if sealed {
		key, err := keyOf()
		if err != nil {
			return nil, err
		}
		if index, err = key.open(index, indexNonce); err != nil {
			return nil, errPack("the index does not decrypt")
		}
	}
	if int64(len(index)) != count*packRow {
		return nil, errPack("an index of %d bytes for %d blobs", len(index), count)
	}
	return parseRows(id, index, begin, sealed)
}

func parseRows(id string, index []byte, end int64, sealed bool) ([]blobindex.Blob, error) {
	blobs := make([]blobindex.Blob, len(index)/packRow)
	at := int64(packHeader)
	for i := range blobs {
		row := index[i*packRow:][:packRow]
		blob := blobindex.Blob{
			Kind: blobindex.Kind(row[32]), Encoding: blobindex.Encoding(row[33]), Pack: id, Offset: at,
			Stored: int64(binary.LittleEndian.Uint32(row[36:])), Size: int64(binary.LittleEndian.Uint32(row[40:])), CRC: binary.LittleEndian.Uint32(row[44:]),
		}
		copy(blob.Sum[:], row)
		if row[34] != 0 || row[35] != 0 || sealed != (blob.Encoding&blobindex.Sealed != 0) || checkBlob(blob) != nil {
			return nil, errPack("row %d makes no sense", i)
		}
		at += blob.Stored
		if at > end {
			return nil, errPack("blob %d goes beyond the end", i)
		}
		blobs[i] = blob
	}
	if at != end {
		return nil, errPack("%d bytes belong to no blob", end-at)
	}
	return blobs, nil
}

// checkBlob refuses what no writer puts on record, before anything is allocated for it.
func checkBlob(b blobindex.Blob) error {
	overhead := int64(0)
	if b.Encoding&blobindex.Sealed != 0 {
		overhead = sealOverhead
	}
	switch {
	case b.Kind > blobindex.Chunk, b.Encoding > blobindex.Zstd|blobindex.Sealed:
		return errors.New("unknown kind or encoding")
	case b.Size < 0 || b.Size > maxBlob || b.Stored < overhead || b.Stored > maxBlob+overhead || b.Offset < packHeader:
		return errors.New("impossible size")
	case b.Encoding&blobindex.Zstd == 0 && b.Stored != b.Size+overhead:
		return errors.New("stored as it is with another size")
	}
	return nil
}
