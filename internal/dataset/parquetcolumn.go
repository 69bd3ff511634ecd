package dataset

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// maxDictionary is how large a dictionary may be against the rows of its group
// for its values to be looked at once; a larger one is read as plain values.
const maxDictionary = 16

// parquetColumn reads a column that is not nested: plain values and dictionaries,
// of most types. The library opens, decrypts and decompresses the pages; what
// they hold goes straight into Arrow's layout, or stays indices of the dictionary.
type parquetColumn struct {
	file     *file.Reader
	leaf     int
	kind     parquet.Type
	nullable bool
	cells    parquetCells // nil for booleans, which are always indices

	group      int // that pages belong to; -1 before the first
	pages      file.PageReader
	page       parquetPage
	dictionary arrow.Array // of the group
	values     int         // in it
	asCodes    bool        // batches may be indices of it
	begun      bool        // a page of values was opened

	// The batch at hand.
	codes []int32 // where coded
	coded bool
	valid []byte // bitmap
	nulls int
}

func newParquetColumn(f *file.Reader, leaf int, kind arrow.DataType) *parquetColumn {
	descr := f.MetaData().Schema.Column(leaf)
	c := &parquetColumn{file: f, leaf: leaf, kind: descr.PhysicalType(), nullable: descr.MaxDefinitionLevel() == 1, group: -1}
	if kind.ID() == arrow.BOOL {
		c.dictionary, c.values, c.asCodes = booleans(), 2, true
		return c
	}
	c.cells = cellsOf(kind)
	return c
}

// readable tells whether a parquetColumn reads the leaf as an Arrow type.
func readable(f *file.Reader, leaf int, kind arrow.DataType) bool {
	descr := f.MetaData().Schema.Column(leaf)
	if descr.MaxRepetitionLevel() > 0 || descr.MaxDefinitionLevel() > 1 {
		return false
	}
	switch descr.PhysicalType() {
	case parquet.Types.Boolean:
		return kind.ID() == arrow.BOOL
	case parquet.Types.Int32:
		return kind.ID() == arrow.INT32 || kind.ID() == arrow.DATE32
	case parquet.Types.Int64:
		return kind.ID() == arrow.INT64 || kind.ID() == arrow.TIMESTAMP
	case parquet.Types.Float:
		return kind.ID() == arrow.FLOAT32
	case parquet.Types.Double:
		return kind.ID() == arrow.FLOAT64
	case parquet.Types.ByteArray:
		return kind.ID() == arrow.STRING || kind.ID() == arrow.LARGE_STRING
	}
	return false
}

// booleans is the dictionary of false and true.
func booleans() arrow.Array {
	b := array.NewBooleanBuilder(memory.DefaultAllocator)
	b.AppendValues([]bool{false, true}, nil)
	return b.NewArray()
}

// next reads n rows, which lie in one group. They hold until the call after. It
// fails with errOtherPage where the column is not for it.
func (c *parquetColumn) next(group, n int) (arrow.Array, error) {
	if group != c.group {
		if err := c.open(group); err != nil {
			return nil, err
		}
	}
	c.codes, c.valid = resize(c.codes, n), resize(c.valid, n/8+9)
	clear(c.valid)
	c.coded, c.nulls = c.asCodes, 0
	if c.cells != nil {
		c.cells.start(n)
	}
	for at := 0; at < n; {
		if c.page.rows == 0 {
			if err := c.turn(); err != nil {
				return nil, err
			}
			continue
		}
		k := min(c.page.rows, n-at)
		if err := c.take(at, k); err != nil {
			return nil, err
		}
		c.page.rows -= k
		at += k
	}
	return c.array(n), nil
}

// open starts with a row group.
func (c *parquetColumn) open(group int) (err error) {
	if err := c.close(); err != nil {
		return err
	}
	c.pages, err = c.file.RowGroup(group).GetColumnPageReader(c.leaf)
	c.group, c.page, c.begun = group, parquetPage{}, false
	if c.cells != nil {
		c.dictionary, c.values, c.asCodes = nil, 0, false
	}
	return err
}

// turn opens the next page.
func (c *parquetColumn) turn() error {
	if !c.pages.Next() {
		if err := c.pages.Err(); err != nil {
			return err
		}
		return fmt.Errorf("row group %d has fewer rows in column %s than it says", c.group, c.file.MetaData().Schema.Column(c.leaf).Path())
	}
	page := c.pages.Page()
	if d, ok := page.(*file.DictionaryPage); ok {
		return c.learn(d)
	}
	c.begun = true
	var err error
	c.page, err = openPage(page, c.kind, c.nullable)
	return err
}

// learn reads the dictionary of the group.
func (c *parquetColumn) learn(page *file.DictionaryPage) (err error) {
	encoding := parquet.Encoding(page.Encoding())
	if c.cells == nil || c.begun || c.dictionary != nil || encoding != parquet.Encodings.Plain && encoding != parquet.Encodings.PlainDict {
		return errOtherPage
	}
	if c.dictionary, err = c.cells.dictionary(page.Data(), int(page.NumValues())); err != nil {
		return err
	}
	c.values = int(page.NumValues())
	c.asCodes = c.values > 0 && int64(c.values) <= c.file.MetaData().RowGroup(c.group).NumRows()/maxDictionary
	c.coded = c.asCodes // it is the first page: no row of the batch was read yet
	return nil
}

// take reads k rows of the page at hand into the batch, from row at on.
func (c *parquetColumn) take(at, k int) (err error) {
	values := k
	if c.nullable {
		if values, err = c.page.levels.bitmap(c.valid, at, k); err != nil {
			return err
		}
		c.nulls += k - values
	}
	if c.page.coded {
		err = c.takeCodes(at, k, values)
	} else {
		c.uncode(at)
		c.page.values, err = c.cells.plain(c.page.values, at, values)
	}
	if err != nil || values == k {
		return err
	}
	if c.coded {
		spread(c.codes[at:at+k], c.valid, at, values)
	} else {
		c.cells.spread(c.valid, at, k, values)
	}
	return nil
}

var errCode = errors.New("an index is beyond its dictionary")

// takeCodes reads indices of the dictionary.
func (c *parquetColumn) takeCodes(at, k, values int) error {
	codes := c.codes[at : at+values]
	if err := c.page.codes.next(codes); err != nil {
		return err
	}
	// Where all numbers of so many bits are indices there is nothing to look for.
	if int64(c.values) < 1<<c.page.codes.width && values > 0 && int64(greatest(codes)) >= int64(c.values) {
		return errCode
	}
	if !c.coded {
		c.cells.gather(codes, at)
	}
	return nil
}

// greatest is the greatest code; four are held against four at a time, as one would have to wait for the other.
func greatest(codes []int32) uint32 {
	var a, b, c, d uint32
	for ; len(codes) >= 4; codes = codes[4:] {
		four := (*[4]int32)(codes)
		a, b, c, d = max(a, uint32(four[0])), max(b, uint32(four[1])), max(c, uint32(four[2])), max(d, uint32(four[3]))
	}
	for _, code := range codes {
		a = max(a, uint32(code))
	}
	return max(a, b, c, d)
}

// uncode turns the rows of the batch so far, which are indices, into values.
func (c *parquetColumn) uncode(rows int) {
	if c.coded {
		c.cells.gather(c.codes[:rows], 0)
		c.coded = false
	}
}

// array views the batch.
func (c *parquetColumn) array(n int) arrow.Array {
	var valid *memory.Buffer
	if c.nulls > 0 {
		valid = memory.NewBufferBytes(c.valid)
	}
	if !c.coded {
		return c.cells.array(n, valid, c.nulls)
	}
	codes := arrayOf(arrow.PrimitiveTypes.Int32, n, c.nulls, valid, arrow.Int32Traits.CastToBytes(c.codes))
	kind := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: c.dictionary.DataType()}
	return array.NewDictionaryArray(kind, codes, c.dictionary)
}

func (c *parquetColumn) close() error {
	if c.pages == nil {
		return nil
	}
	err := c.pages.Close()
	c.pages = nil
	return err
}
