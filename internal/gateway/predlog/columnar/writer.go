package columnar

import (
	"encoding/binary"
	"math"
	"slices"
)

// Writer writes one file after the other. It keeps its buffers between them; the zero Writer is ready for Begin.
// It is not safe for use by several goroutines.
type Writer struct {
	// Pause, if set, is called again and again while there is work, after a few 10 µs of it each time.
	Pause func()

	out    thrift // the file so far
	rows   int
	chunks []chunk
	done   int // work since the last pause

	levels  []byte // of the column at hand, with their length
	body    []byte // of the page at hand
	spare   []byte
	numbers []float64
	places  []uint8
	seen    dictionary
}

// kind is the type of a column.
type kind int

const (
	double kind = iota
	text
	micros
)

// chunk is what the footer says of a column.
type chunk struct {
	name       string
	kind       kind
	optional   bool
	encoding   int
	codec      int
	dictionary int // its offset in the file; 0: none
	data       int // offset of the page with the values
	size       int // of the pages, with their headers
	plain      int // size, had nothing been compressed
	low, high  int64
}

// Enumerations of the format.
const (
	encodingPlain      = 0
	encodingRLE        = 3
	encodingDictionary = 8
	encodingSplit      = 9

	codecNone   = 0
	codecSnappy = 1

	pageData       = 0
	pageDictionary = 2
)

const magic = "PAR1"

// Begin begins a file of so many rows. It takes over the memory of into, which it does not read: the file is appended to into[:0].
func (w *Writer) Begin(into []byte, rows int) {
	w.out = thrift{b: append(into[:0], magic...)}
	w.rows, w.chunks, w.done = rows, w.chunks[:0], 0
}

// Mask tells which rows of a column have a value: 1, or 0. Nil: all have.
type Mask []uint8

// begin begins a column.
func (w *Writer) begin(name string, kind kind, optional bool, present Mask) *chunk {
	w.chunks = append(w.chunks, chunk{name: name, kind: kind, optional: optional})
	w.levels = w.levels[:0]
	switch {
	case !optional:
	case present == nil:
		w.levels = append(w.levels, 0, 0, 0, 0)
		w.levels = binary.AppendUvarint(w.levels, uint64(w.rows)<<1) //nolint:gosec // not negative
		w.levels = append(w.levels, 1)
	default:
		w.levels = hybrid(append(w.levels, 0, 0, 0, 0), 1, present)
	}
	if optional {
		binary.LittleEndian.PutUint32(w.levels, uint32(len(w.levels)-4)) //nolint:gosec // a bit a row
	}
	return &w.chunks[len(w.chunks)-1]
}

// Times writes a column of microseconds since 1970, all present. It has the lowest and the highest in the footer.
func (w *Writer) Times(name string, values []int64) {
	c := w.begin(name, micros, false, nil)
	c.low, c.high = slices.Min(values), slices.Max(values)
	w.body = w.body[:0]
	for _, v := range values {
		w.body = binary.LittleEndian.AppendUint64(w.body, uint64(v)) //nolint:gosec // the bits
	}
	w.compressed(c, encodingPlain)
}

// compressed writes the body as the column's page, with Snappy if that makes it smaller.
func (w *Writer) compressed(c *chunk, encoding int) {
	c.encoding = encoding
	body := w.body
	if w.worth(body) {
		c.codec = codecSnappy
		w.spare = w.snappy(w.spare[:0], body)
		body = w.spare
	}
	w.page(c, encoding, len(w.body), len(body))
	w.out.b = append(w.out.b, body...)
	w.worked(len(body))
}

// page writes the header of the page with a column's values; the body must follow.
func (w *Writer) page(c *chunk, encoding, plain, size int) {
	c.data = len(w.out.b)
	w.header(c, pageData, plain, size)
	w.out.begin(5)
	w.out.i32(1, w.rows)
	w.out.i32(2, encoding)
	w.out.i32(3, encodingRLE)
	w.out.i32(4, encodingRLE)
	w.out.end()
	w.out.end()
	w.ended(c, c.data, plain, size)
}

// entries writes the page of a dictionary.
func (w *Writer) entries(c *chunk, n int, body []byte, plain int) {
	c.dictionary = len(w.out.b)
	w.header(c, pageDictionary, plain, len(body))
	w.out.begin(7)
	w.out.i32(1, n)
	w.out.i32(2, encodingPlain)
	w.out.end()
	w.out.end()
	w.ended(c, c.dictionary, plain, len(body))
	w.out.b = append(w.out.b, body...)
}

// header begins the header of a page.
func (w *Writer) header(_ *chunk, page, plain, size int) {
	w.out.open()
	w.out.i32(1, page)
	w.out.i32(2, plain)
	w.out.i32(3, size)
}

// ended counts a page whose header began at start and has just ended.
func (w *Writer) ended(c *chunk, start, plain, size int) {
	header := len(w.out.b) - start
	c.size += header + size
	c.plain += header + plain
}

// perPause is how much work is done between pauses, in bytes or numbers or what takes as long.
const perPause = 1 << 14

// worked counts work.
func (w *Writer) worked(n int) {
	if w.done += n; w.done >= perPause && w.Pause != nil {
		w.done = 0
		w.Pause()
	}
}

// bits are those of a number as a double.
func bits[T float32 | float64](v T) uint64 { return math.Float64bits(float64(v)) }
