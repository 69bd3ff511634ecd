package artifacts

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// frame is a blob ready to be put in a pack: encoded, not yet sealed.
type frame struct {
	blob blobindex.Blob // Sum, Kind, Encoding, Size, CRC, From
	data []byte
}

// packing is a pack being filled. Frames are laid out as they are in a pack that is
// not encrypted, so that one needs no other copy.
type packing struct {
	buffer *[]byte
	blobs  []blobindex.Blob
	size   int    // that the pack will have at most
	group  *group // that the buffer belongs to; nil: to the pack
}

// inPlaceFrom is the size in bytes from which on a group becomes a pack of its own: of less there would be too many.
const inPlaceFrom = packTarget / 2

// packInPlace makes a pack of all chunks of a group where they lie, so that they need not be copied;
// nil where one of them is better stored otherwise.
func (r *Repository) packInPlace(g group, pieces []piece) *packing {
	p := &packing{buffer: g.buffer, group: &g, blobs: make([]blobindex.Blob, 0, len(pieces)), size: len(*g.buffer) + packTail + sealOverhead}
	at := int64(packHeader)
	for _, piece := range pieces {
		f := r.encode(piece)
		if f.blob.Encoding != blobindex.Raw {
			return nil
		}
		f.blob.Offset, f.blob.Stored = at, f.blob.Size
		at += f.blob.Size
		p.blobs, p.size = append(p.blobs, f.blob), p.size+packRow+sealOverhead
	}
	return p
}

// startPack begins a pack in an empty buffer, which is exchanged for a larger one if it has to be.
func startPack(buffer *[]byte) *packing {
	*buffer = append(*buffer, make([]byte, packHeader)...)
	return &packing{buffer: buffer, size: packHeader + packTail + sealOverhead}
}

// sizeOf is what a frame takes of a pack at most.
func sizeOf(f frame) int { return len(f.data) + sealOverhead + packRow }

// fits tells whether a pack stays within what it should have with n bytes more.
func (p *packing) fits(n int) bool { return p.size+n <= packTarget }

// add copies a frame.
func (p *packing) add(f frame) {
	if need := len(*p.buffer) + sizeOf(f) + packTail + sealOverhead + len(p.blobs)*packRow; need > cap(*p.buffer) {
		// At once as large as packs are, or larger by one blob.
		larger := append(alignedBuffer(max(packTarget, need)), *p.buffer...)
		p.buffer = &larger
	}
	blob := f.blob
	blob.Offset, blob.Stored = int64(len(*p.buffer)), int64(len(f.data))
	*p.buffer = append(*p.buffer, f.data...)
	p.blobs, p.size = append(p.blobs, blob), p.size+sizeOf(f)
}

// frames are what was added.
func (p *packing) frames() []frame {
	frames := make([]frame, len(p.blobs))
	for i, blob := range p.blobs {
		frames[i] = frame{blob, (*p.buffer)[blob.Offset : blob.Offset+blob.Stored]}
	}
	return frames
}

// finish completes the pack id, not encrypted, and returns its bytes and where each blob lies.
func (p *packing) finish(id string) ([]byte, []blobindex.Blob) {
	appendHeader((*p.buffer)[:0], id, false)
	index := make([]byte, 0, len(p.blobs)*packRow)
	for i := range p.blobs {
		p.blobs[i].Pack = id
		index = appendRow(index, p.blobs[i])
	}
	begin := len(*p.buffer)
	*p.buffer = appendTail(append(*p.buffer, index...), begin, len(p.blobs))
	return *p.buffer, p.blobs
}

// seal lays the pack id out, encrypted, in the empty buffer b, and returns its bytes and
// where each blob lies.
func (p *packing) seal(b []byte, id string, key *packKey) ([]byte, []blobindex.Blob) {
	b = appendHeader(b, id, true)
	blobs := make([]blobindex.Blob, 0, len(p.blobs))
	index := make([]byte, 0, len(p.blobs)*packRow)
	for _, f := range p.frames() {
		begin := len(b)
		b = key.seal(b, f.data, uint64(begin))
		blob := f.blob
		blob.Encoding |= blobindex.Sealed
		blob.Pack, blob.Offset, blob.Stored, blob.CRC = id, int64(begin), int64(len(b)-begin), crcOf(b[begin:])
		blobs, index = append(blobs, blob), appendRow(index, blob)
	}
	begin := len(b)
	return appendTail(key.seal(b, index, indexNonce), begin, len(blobs)), blobs
}

func appendHeader(b []byte, id string, sealed bool) []byte {
	raw, _ := hex.DecodeString(id) // ids come from newPackID or passed packOfKey
	var flags byte
	if sealed {
		flags = flagSealed
	}
	b = append(b, packMagic...)
	b = append(b, packVersion, flags, 0, 0, 0, 0, 0, 0)
	return append(b, raw...)
}

func appendRow(b []byte, blob blobindex.Blob) []byte {
	b = append(b, blob.Sum[:]...)
	b = append(b, byte(blob.Kind), byte(blob.Encoding), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(blob.Stored))
	b = binary.LittleEndian.AppendUint32(b, uint32(blob.Size))
	return binary.LittleEndian.AppendUint32(b, blob.CRC)
}

// appendTail ends a pack whose index, of so many rows, begins there.
func appendTail(b []byte, begin, rows int) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-begin))
	b = binary.LittleEndian.AppendUint32(b, uint32(rows))
	b = binary.LittleEndian.AppendUint32(b, tailCRC(b[:packHeader], b[begin:]))
	return append(b, tailMagic...)
}
