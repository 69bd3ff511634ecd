package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/thrift/lib/go/thrift"
)

const (
	// parquetTail ends a Parquet file: the length of the footer and a magic word.
	parquetTail = 8
	// maxFooter bounds the footer in bytes. It describes every column of every row group, in some 100 bytes each.
	maxFooter = 128 << 20
	// arrowSchemaKey is the metadata under which writers of Arrow leave their own schema.
	arrowSchemaKey = "ARROW:schema"
)

// checkFooter reads past the footer of a Parquet file, and keeps nothing of it. The library believes every
// length in it and allocates for it before it reads on; here, no list may be longer than the footer has bytes.
func checkFooter(r io.ReaderAt, size int64) error {
	var tail [parquetTail]byte
	if size < parquetTail {
		return fmt.Errorf("%d bytes are too few for a Parquet file", size)
	}
	if _, err := r.ReadAt(tail[:], size-parquetTail); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.Equal(tail[4:], []byte("PAR1")) {
		return errors.New("it does not end as a Parquet file that is not encrypted: it is cut off, damaged or of another format")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-parquetTail || n > maxFooter {
		return fmt.Errorf("a footer of %d bytes in a file of %d: it is damaged, or longer than the %d bytes that are read", n, size, maxFooter)
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-parquetTail-n); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	in := thrift.NewTCompactProtocolConf(&thrift.TMemoryBuffer{Buffer: bytes.NewBuffer(footer)}, &thrift.TConfiguration{MaxMessageSize: max(1, int32(n))})
	if err := thrift.SkipDefaultDepth(context.Background(), in, thrift.STRUCT); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	return nil
}

// forgetArrowSchema makes the library read the columns as Parquet describes them. The schema that
// writers of Arrow leave beside is a flatbuffer, whose lengths the library believes as well: one flipped
// bit in it costs gigabytes. It would say nothing that a check asks for: zones of times, which
// are moments in UTC anyway, and how wide offsets and indices were in memory.
func forgetArrowSchema(f *file.Reader) {
	meta := f.MetaData().FileMetaData
	kept := meta.KeyValueMetadata[:0]
	for _, kv := range meta.KeyValueMetadata {
		if kv.Key != arrowSchemaKey {
			kept = append(kept, kv)
		}
	}
	meta.KeyValueMetadata = kept
}
