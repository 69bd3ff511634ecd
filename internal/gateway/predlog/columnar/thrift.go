package columnar

import "encoding/binary"

// Types of fields and elements in Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftBinary = 8
	thriftList   = 9
	thriftStruct = 12
)

// thrift writes the compact protocol: fields by ascending id, within a struct.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
type thrift struct {
	b     []byte
	last  int    // id of the struct's latest field
	outer [8]int // the same of the structs around it
	depth int
}

func (t *thrift) field(id int, kind byte) {
	t.b = append(t.b, byte(id-t.last)<<4|kind) // no struct of Parquet's leaves out 15 fields
	t.last = id
}

func (t *thrift) varint(v int64) { t.b = binary.AppendVarint(t.b, v) } // zigzag, as Thrift has it

func (t *thrift) i32(id int, v int) {
	t.field(id, thriftI32)
	t.varint(int64(v))
}

func (t *thrift) i64(id int, v int64) {
	t.field(id, thriftI64)
	t.varint(v)
}

func (t *thrift) text(id int, s string) {
	t.field(id, thriftBinary)
	t.element(s)
}

// element is a text in a list.
func (t *thrift) element(s string) {
	t.b = binary.AppendUvarint(t.b, uint64(len(s)))
	t.b = append(t.b, s...)
}

// list begins a list of n elements.
func (t *thrift) list(id int, kind byte, n int) {
	t.field(id, thriftList)
	if n < 15 {
		t.b = append(t.b, byte(n)<<4|kind)
		return
	}
	t.b = append(t.b, 0xf0|kind)
	t.b = binary.AppendUvarint(t.b, uint64(n))
}

// begin opens a struct that is a field.
func (t *thrift) begin(id int) {
	t.field(id, thriftStruct)
	t.open()
}

// open opens a struct that is an element of a list, or on its own.
func (t *thrift) open() {
	t.outer[t.depth] = t.last
	t.depth++
	t.last = 0
}

func (t *thrift) end() {
	t.b = append(t.b, 0)
	t.depth--
	t.last = t.outer[t.depth]
}

// empty is a struct without fields, such as one of a union's.
func (t *thrift) empty(id int) {
	t.begin(id)
	t.end()
}
