package dataset

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// errCells says that a page holds fewer values than its header says.
var errCells = errors.New("values are cut off")

// parquetCells gathers the values of a batch in Arrow's layout. Values come one
// after the other, without the nulls between them, and are spread out after that.
type parquetCells interface {
	// start prepares for a batch of n rows; what was gathered before is overwritten.
	start(n int)
	// plain takes n values of the front of data, from row at on, and gives the rest of data.
	plain(data []byte, at, n int) ([]byte, error)
	// gather takes values of the dictionary, which has them all.
	gather(codes []int32, at int)
	// spread moves the values that lie from row at on to the rows that have one by valid, of n rows.
	spread(valid []byte, at, n, values int)
	// array views n rows. It holds until start.
	array(n int, valid *memory.Buffer, nulls int) arrow.Array
	// dictionary reads a dictionary of n values, written as plain.
	dictionary(data []byte, n int) (arrow.Array, error)
}

// cellsOf makes what gathers the values of an Arrow type; nil for types that it does not know.
func cellsOf(t arrow.DataType) parquetCells {
	switch t.ID() {
	case arrow.INT32, arrow.DATE32, arrow.FLOAT32:
		return &fixedCells{kind: t, width: 4}
	case arrow.INT64, arrow.FLOAT64, arrow.TIMESTAMP:
		return &fixedCells{kind: t, width: 8}
	case arrow.STRING, arrow.LARGE_STRING:
		return &textCells{}
	}
	return nil
}

// fixedCells gathers numbers of 4 or 8 bytes.
type fixedCells struct {
	kind        arrow.DataType
	width       int
	values, all []byte // of the batch, of the dictionary
}

func (c *fixedCells) start(n int) { c.values = resize(c.values, n*c.width) }

func (c *fixedCells) plain(data []byte, at, n int) ([]byte, error) {
	size := n * c.width
	if len(data) < size {
		return nil, errCells
	}
	copy(c.values[at*c.width:], data[:size])
	return data[size:], nil
}

func (c *fixedCells) gather(codes []int32, at int) {
	if c.width == 4 {
		pick(arrow.Uint32Traits.CastFromBytes(c.values)[at:], arrow.Uint32Traits.CastFromBytes(c.all), codes)
		return
	}
	pick(arrow.Uint64Traits.CastFromBytes(c.values)[at:], arrow.Uint64Traits.CastFromBytes(c.all), codes)
}

func pick[T any](out, from []T, codes []int32) {
	out = out[:len(codes)]
	for i, code := range codes {
		out[i] = from[code]
	}
}

func (c *fixedCells) spread(valid []byte, at, n, values int) {
	if c.width == 4 {
		spread(arrow.Uint32Traits.CastFromBytes(c.values)[at:at+n], valid, at, values)
		return
	}
	spread(arrow.Uint64Traits.CastFromBytes(c.values)[at:at+n], valid, at, values)
}

// spread moves the first values of cells to the cells that valid, from bit at on, has a bit for.
func spread[T any](cells []T, valid []byte, at, values int) {
	var none T
	for i := len(cells) - 1; i >= 0; i-- {
		if bitutil.BitIsSet(valid, at+i) {
			values--
			cells[i] = cells[values]
			continue
		}
		cells[i] = none
	}
}

func (c *fixedCells) array(n int, valid *memory.Buffer, nulls int) arrow.Array {
	return arrayOf(c.kind, n, nulls, valid, c.values)
}

// arrayOf views memory as an Arrow array.
func arrayOf(kind arrow.DataType, n, nulls int, valid *memory.Buffer, parts ...[]byte) arrow.Array {
	buffers := []*memory.Buffer{valid}
	for _, p := range parts {
		buffers = append(buffers, memory.NewBufferBytes(p))
	}
	data := array.NewData(kind, n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

func (c *fixedCells) dictionary(data []byte, n int) (arrow.Array, error) {
	if len(data)/c.width < n {
		return nil, errCells
	}
	c.all = append([]byte(nil), data[:n*c.width]...)
	return arrayOf(c.kind, n, 0, nil, c.all), nil
}

// textCells gathers text.
type textCells struct {
	offsets    []int32
	text       []byte
	allOffsets []int32 // of the dictionary
	all        []byte
}

func (c *textCells) start(n int) {
	c.offsets, c.text = resize(c.offsets, n+1), c.text[:0]
	c.offsets[0] = 0
}

func (c *textCells) plain(data []byte, at, n int) (rest []byte, err error) {
	c.text, rest, err = takeText(c.text, data, c.offsets[at+1:at+1+n])
	return rest, err
}

// takeText moves text, each with its length before it, to the end of text, and notes where each ends.
func takeText(text, data []byte, ends []int32) (out, rest []byte, err error) {
	for i := range ends {
		if len(data) < 4 {
			return nil, nil, errCells
		}
		size := binary.LittleEndian.Uint32(data)
		if uint64(size) > uint64(len(data)-4) {
			return nil, nil, errCells
		}
		text = appendText(text, data[4:], int(size))
		data = data[4+size:]
		ends[i] = int32(len(text))
	}
	if len(text) > math.MaxInt32 {
		return nil, nil, errTextTooLong
	}
	return text, data, nil
}

// appendText appends the first bytes of from to text. Text of up to 32 bytes, which most is, is moved as 32, those behind it too:
// what comes next stands in their place.
func appendText(text, from []byte, size int) []byte {
	if n := len(text); size <= 32 && len(from) >= 32 && cap(text)-n >= 32 {
		*(*[32]byte)(text[n : n+32]) = [32]byte(from)
		return text[:n+size]
	}
	return append(text, from[:size]...)
}

// errTextTooLong says that a batch has more text than Arrow's offsets of 32 bits reach.
var errTextTooLong = errors.New("more than 2 GiB of text in one batch")

func (c *textCells) gather(codes []int32, at int) {
	for i, code := range codes {
		from := c.allOffsets[code]
		c.text = appendText(c.text, c.all[from:], int(c.allOffsets[code+1]-from))
		c.offsets[at+i+1] = int32(len(c.text))
	}
}

func (c *textCells) spread(valid []byte, at, n, values int) {
	ends := c.offsets[at : at+n+1] // ends[i+1] is where row i ends
	for i := n; i > 0; i-- {
		ends[i] = ends[values]
		if bitutil.BitIsSet(valid, at+i-1) {
			values--
		}
	}
}

func (c *textCells) array(n int, valid *memory.Buffer, nulls int) arrow.Array {
	return arrayOf(arrow.BinaryTypes.String, n, nulls, valid, arrow.Int32Traits.CastToBytes(c.offsets), c.text)
}

func (c *textCells) dictionary(data []byte, n int) (arrow.Array, error) {
	if len(data)/4 < n {
		return nil, errCells
	}
	c.allOffsets = make([]int32, n+1)
	var err error
	if c.all, _, err = takeText(make([]byte, 0, len(data)-4*n), data, c.allOffsets[1:]); err != nil {
		return nil, err
	}
	return arrayOf(arrow.BinaryTypes.String, n, 0, nil, arrow.Int32Traits.CastToBytes(c.allOffsets), c.all), nil
}
