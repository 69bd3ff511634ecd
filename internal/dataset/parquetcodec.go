package dataset

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// pageMemory bounds the pages of all columns together, in bytes, as far as their headers announce them; minPage and maxPage bound one.
const (
	pageMemory = 1 << 30
	minPage    = 4 << 20
	maxPage    = 256 << 20
)

// pageLimit is the most bytes that a page of a file of so many columns may have once it is decompressed.
func pageLimit(columns int) int64 {
	return min(max(pageMemory/int64(max(columns, 1)), minPage), maxPage)
}

// streamed is what the library's own codecs are.
type streamed interface {
	compress.Codec
	compress.StreamingCodec
}

// bounded decompresses into the room that the page's header announced and not beyond, whatever the compressed bytes
// say of themselves: the library's own codecs for Snappy and Zstandard allocate as these say, up to gigabytes.
type bounded struct {
	streamed
	into func(dst, src []byte) ([]byte, error)
}

// DecodeWithError implements compress.ErrorCodec.
func (b bounded) DecodeWithError(dst, src []byte) ([]byte, error) {
	if dst == nil {
		dst = []byte{}
	}
	return b.into(dst, src)
}

// Decode implements compress.Codec, which has no way to tell of an error but this.
func (b bounded) Decode(dst, src []byte) []byte {
	out, err := b.DecodeWithError(dst, src)
	if err != nil {
		panic(err)
	}
	return out
}

func snappyInto(dst, src []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	if err == nil && n > len(dst) {
		err = fmt.Errorf("it becomes %d bytes, its page has room for %d", n, len(dst))
	}
	if err != nil {
		return nil, fmt.Errorf("snappy: %w", err)
	}
	return snappy.Decode(dst, src)
}

// zstdBounded reads streams, the library's way for large pages, with a window of at most maxWindow.
type zstdBounded struct{ bounded }

// maxWindow is the window of Zstandard's highest level, in bytes.
const maxWindow = 128 << 20

// NewReader implements compress.StreamingCodec.
func (zstdBounded) NewReader(r io.Reader) io.ReadCloser {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil { // of the first bytes: the library expects it from Read
		return io.NopCloser(failing{err})
	}
	return d.IOReadCloser()
}

// failing is a reader that has only an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// The library has one table of codecs for the whole program, which it reads without a lock: it is filled before anything runs.
func init() {
	codec := func(c compress.Compression, into func(dst, src []byte) ([]byte, error)) bounded {
		own, err := compress.GetCodec(c)
		if err != nil {
			panic(err) // of a codec that the library does have
		}
		return bounded{own.(streamed), into}
	}
	block, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // of options that are fixed
	}
	compress.RegisterCodec(compress.Codecs.Snappy, codec(compress.Codecs.Snappy, snappyInto))
	compress.RegisterCodec(compress.Codecs.Zstd, zstdBounded{codec(compress.Codecs.Zstd, func(dst, src []byte) ([]byte, error) {
		return block.DecodeAll(src, dst[:0:len(dst)])
	})})
}
