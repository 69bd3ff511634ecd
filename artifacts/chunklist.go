package artifacts

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// The chunk list is a persisted format: see docs/formats.md, section "Repository".
const (
	listMagic  = "SLIPLIST"
	listHeader = 8 + 1 + 7 + 32 + 8 + 4
	listRow    = 32 + 4
	listHash   = 32
	// listVersion is of lists whose chunks are of the kind Chunk; those of version 1 are Data.
	listVersion = 2
)

// chunk is a part of a large file.
type chunk struct {
	sum  blobindex.Sum
	size uint32
}

// chunkList says of which chunks, in order, a large file consists.
type chunkList struct {
	file   blobindex.Sum
	size   int64
	kind   blobindex.Kind // of the chunks
	chunks []chunk
}

// encode returns a list of the newest version with its own hash at the end: it is stored
// under the hash of the file, which cannot prove it.
func (l chunkList) encode() []byte {
	b := make([]byte, 0, listHeader+len(l.chunks)*listRow+listHash)
	b = append(b, listMagic...)
	b = append(b, listVersion, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, l.file[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(l.size))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(l.chunks)))
	for _, c := range l.chunks {
		b = append(b, c.sum[:]...)
		b = binary.LittleEndian.AppendUint32(b, c.size)
	}
	h := sha256.Sum256(b)
	return append(b, h[:]...)
}

// parseList reads the chunk list of a file.
func parseList(file blobindex.Sum, b []byte) (chunkList, error) {
	bad := func(what string) (chunkList, error) {
		return chunkList{}, fmt.Errorf("%w: chunk list of %s%s: %s", errPacked, digestPrefix, file, what)
	}
	if len(b) < listHeader+listHash || !bytes.HasPrefix(b, []byte(listMagic)) {
		return bad("it is none")
	}
	kind := blobindex.Chunk
	switch b[8] {
	case 1:
		kind = blobindex.Data
	case listVersion:
	default:
		return bad(fmt.Sprintf("version %d is not known", b[8]))
	}
	body := b[:len(b)-listHash]
	if h := sha256.Sum256(body); !bytes.Equal(h[:], b[len(body):]) {
		return bad("its hash is wrong")
	}
	l := chunkList{file: blobindex.Sum(body[16:48]), size: int64(binary.LittleEndian.Uint64(body[48:])), kind: kind}
	rows := body[listHeader:]
	if n := int(binary.LittleEndian.Uint32(body[56:])); l.file != file || len(rows) != n*listRow {
		return bad("it is of another file or cut short")
	}
	l.chunks = make([]chunk, len(rows)/listRow)
	var total int64
	for i := range l.chunks {
		row := rows[i*listRow:]
		l.chunks[i] = chunk{sum: blobindex.Sum(row[:32]), size: binary.LittleEndian.Uint32(row[32:])}
		total += int64(l.chunks[i].size)
	}
	if total != l.size {
		return bad("its chunks do not add up to the size of the file")
	}
	return l, nil
}
