package dataset

import (
	"encoding/binary"
	"errors"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

var (
	// errOtherPage says that a page is written in a way that is left to the Parquet library.
	errOtherPage = errors.New("a page of another encoding")
	errPage      = errors.New("a page is cut off")
)

// parquetPage is a data page of a column that is not nested, read from front to back.
type parquetPage struct {
	rows   int    // that are left
	levels hybrid // 1 where a row has a value; unused where nothing can be null
	coded  bool
	codes  hybrid // indices of the dictionary, or booleans
	values []byte // else: plain values that are left
}

// openPage finds the parts of a page (Apache Parquet, README.md, "Data Pages").
func openPage(page file.Page, kind parquet.Type, nullable bool) (parquetPage, error) {
	p := parquetPage{rows: int(page.NumValues())}
	data := page.Data()
	switch page := page.(type) {
	case *file.DataPageV1:
		if nullable {
			if page.DefinitionLevelEncoding() != parquet.Encodings.RLE {
				return p, errOtherPage
			}
			levels, rest, err := cutPrefixed(data)
			if err != nil {
				return p, err
			}
			p.levels, data = newHybrid(levels, 1), rest
		}
	case *file.DataPageV2:
		before, levels := int(page.RepetitionLevelByteLen()), int(page.DefinitionLevelByteLen())
		if before < 0 || levels < 0 || before+levels > len(data) {
			return p, errPage
		}
		if nullable {
			p.levels = newHybrid(data[before:before+levels], 1)
		}
		data = data[before+levels:]
	default:
		return p, errOtherPage
	}
	err := p.openValues(data, kind, parquet.Encoding(page.Encoding()))
	return p, err
}

func (p *parquetPage) openValues(data []byte, kind parquet.Type, encoding parquet.Encoding) error {
	e := parquet.Encodings
	switch {
	case kind == parquet.Types.Boolean && encoding == e.Plain: // one packed run
		p.coded, p.codes = true, hybrid{width: 1, bits: data, left: p.rows}
	case kind == parquet.Types.Boolean && encoding == e.RLE:
		runs, _, err := cutPrefixed(data)
		p.coded, p.codes = true, newHybrid(runs, 1)
		return err
	case kind == parquet.Types.Boolean:
		return errOtherPage
	case encoding == e.Plain:
		p.values = data
	case encoding == e.RLEDict || encoding == e.PlainDict:
		p.coded = true
		if len(data) == 0 { // no value: every row is null
			return nil
		}
		if data[0] > 32 {
			return errPage
		}
		p.codes = newHybrid(data[1:], int(data[0]))
	default:
		return errOtherPage
	}
	return nil
}

// cutPrefixed cuts bytes that have their length before them.
func cutPrefixed(data []byte) (cut, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, errPage
	}
	size := binary.LittleEndian.Uint32(data)
	if uint64(size) > uint64(len(data)-4) {
		return nil, nil, errPage
	}
	return data[4 : 4+size], data[4+size:], nil
}
