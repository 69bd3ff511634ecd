package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// maxTableCells bounds a table that is held in memory.
const maxTableCells = 1 << 28

// ReadTable reads the rest of a source into a table, whatever format it has.
// Columns get their kinds as ReadCSV gives them, by the schema where there is
// one (schema may be nil) and else by what all their values read as; a number
// that is none (NaN) is null. The error wraps ErrSource when the table is too large.
func ReadTable(ctx context.Context, src Source, schema *Schema) (*Table, error) {
	fields := src.Schema().Fields()
	header := make([]string, len(fields))
	for i, f := range fields {
		header[i] = f.Name
	}
	err := checkHeader(header, func(format string, args ...any) error {
		return fmt.Errorf("%s: %s: %w", src.Name(), fmt.Sprintf(format, args...), ErrSource)
	})
	if err != nil {
		return nil, err
	}
	cells := make([][]string, len(header))
	var lines []int32
	for {
		batch, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return build(src.Name(), header, cells, lines, schema), nil
		}
		if err != nil {
			return nil, err
		}
		numbers := linesOf(src)
		for i := range int(batch.NumRows()) {
			line := numbers.at(i)
			if line == 0 {
				line = len(lines) + 1 // a file without lines: the row's number
			}
			lines = append(lines, int32(min(line, math.MaxInt32)))
		}
		for c := range cells {
			cells[c] = appendText(cells[c], batch.Column(c))
		}
		batch.Release()
		if len(lines)*len(header) > maxTableCells {
			return nil, fmt.Errorf("%s: more than %d cells, which is too much for memory: %w", src.Name(), maxTableCells, ErrSource)
		}
	}
}

// appendText appends an array's values as a CSV file would hold them.
func appendText(to []string, a arrow.Array) []string {
	number := storedKind(a.DataType()) == Number
	for i := range a.Len() {
		text := ""
		switch {
		case a.IsNull(i):
		case isBinary(a):
			text = strings.ToValidUTF8(string(a.(interface{ Value(int) []byte }).Value(i)), "�")
		default:
			text = strings.Clone(a.ValueStr(i))
		}
		if number && text == "NaN" {
			text = ""
		}
		to = append(to, text)
	}
	return to
}

// isBinary tells the arrays whose ValueStr is base64.
func isBinary(a arrow.Array) bool {
	switch a.(type) {
	case *array.Binary, *array.LargeBinary, *array.BinaryView:
		return true
	}
	return false
}
