package columnar

import "encoding/binary"

// Close ends the file and returns it. The Writer keeps no part of it.
func (w *Writer) Close() []byte {
	start := len(w.out.b)
	w.out.open()
	w.out.i32(1, 2) // version of the format
	w.out.list(2, thriftStruct, len(w.chunks)+1)
	w.root()
	for i := range w.chunks {
		w.element(&w.chunks[i])
	}
	w.out.i64(3, int64(w.rows))
	w.out.list(4, thriftStruct, 1)
	w.group(start)
	w.out.text(6, "slipway")
	w.out.list(7, thriftStruct, len(w.chunks))
	for range w.chunks {
		w.out.open()
		w.out.empty(1) // bounds are in the order of the type
		w.out.end()
	}
	w.out.end()
	b := binary.LittleEndian.AppendUint32(w.out.b, uint32(len(w.out.b)-start)) //nolint:gosec // a column has some 100 bytes
	w.out.b = nil
	return append(b, magic...)
}

// root is the element of the schema that all others are in.
func (w *Writer) root() {
	w.out.open()
	w.out.i32(3, 0)
	w.out.text(4, "schema")
	w.out.i32(5, len(w.chunks))
	w.out.end()
}

// physical are the types that the format has for those of columns.
func (k kind) physical() int { return [...]int{double: 5, text: 6, micros: 2}[k] }

// element is a column's in the schema.
func (w *Writer) element(c *chunk) {
	t := &w.out
	t.open()
	t.i32(1, c.kind.physical())
	repetition := 0
	if c.optional {
		repetition = 1
	}
	t.i32(3, repetition)
	t.text(4, c.name)
	switch c.kind {
	case text:
		t.i32(6, 0) // UTF8, for readers that know no logical types
		t.begin(10)
		t.empty(1)
		t.end()
	case micros:
		t.i32(6, 10) // TIMESTAMP_MICROS
		t.begin(10)
		t.begin(8)
		t.field(1, thriftTrue) // UTC
		t.begin(2)
		t.empty(2) // microseconds
		t.end()
		t.end()
		t.end()
	}
	t.end()
	w.worked(64)
}

// group is the row group, whose pages end where the footer starts.
func (w *Writer) group(start int) {
	plain := 0
	w.out.open()
	w.out.list(1, thriftStruct, len(w.chunks))
	for i := range w.chunks {
		w.chunk(&w.chunks[i])
		plain += w.chunks[i].plain
	}
	w.out.i64(2, int64(plain))
	w.out.i64(3, int64(w.rows))
	w.out.i64(5, int64(len(magic)))
	w.out.i64(6, int64(start-len(magic)))
	w.out.field(7, thriftI16)
	w.out.varint(0)
	w.out.end()
}

func (w *Writer) chunk(c *chunk) {
	t := &w.out
	first := c.data
	if c.dictionary != 0 {
		first = c.dictionary
	}
	t.open()
	t.i64(2, int64(first))
	t.begin(3)
	t.i32(1, c.kind.physical())
	w.encodings(c)
	t.list(3, thriftBinary, 1)
	t.element(c.name)
	t.i32(4, c.codec)
	t.i64(5, int64(w.rows))
	t.i64(6, int64(c.plain))
	t.i64(7, int64(c.size))
	t.i64(9, int64(c.data))
	if c.dictionary != 0 {
		t.i64(11, int64(c.dictionary))
	}
	if c.kind == micros {
		t.begin(12)
		t.i64(3, 0) // nulls
		t.bound(5, c.high)
		t.bound(6, c.low)
		t.end()
	}
	t.end()
	t.end()
	w.worked(64)
}

// encodings are those of a column's pages and of their levels.
func (w *Writer) encodings(c *chunk) {
	used := [3]int{encodingRLE, c.encoding, encodingPlain}
	n := 2
	if c.dictionary != 0 {
		n = 3
	}
	w.out.list(2, thriftI32, n)
	for _, e := range used[:n] {
		w.out.varint(int64(e))
	}
}

// bound is a column's lowest or highest value.
func (t *thrift) bound(id int, v int64) {
	t.field(id, thriftBinary)
	t.b = append(t.b, 8)
	t.b = binary.LittleEndian.AppendUint64(t.b, uint64(v)) //nolint:gosec // the bits
}
