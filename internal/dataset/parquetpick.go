package dataset

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// PickColumns keeps a source from reading any but these columns, where its format
// lets columns be left out: Parquet does, the others read whole rows. It comes before
// the first Next, and the columns keep the order of the file. What the table does not
// have is passed over.
func PickColumns(src Source, columns []string) (err error) {
	if part, ok := src.(*spanned); ok {
		src = part.Source
	}
	s, ok := src.(*parquetSource)
	if !ok {
		return nil
	}
	defer recoverInto(&err, s.name)
	wanted := make(map[string]bool, len(columns))
	for _, name := range columns {
		wanted[name] = true
	}
	var leaves []int // a nested column has several
	schema := s.file.MetaData().Schema
	for i := range schema.NumColumns() {
		if wanted[schema.Column(i).ColumnPath()[0]] {
			leaves = append(leaves, i)
		}
	}
	if len(leaves) == 0 {
		return nil
	}
	properties := pqarrow.ArrowReadProperties{BatchSize: int64(SourceOptions{}.rows(len(leaves)))}
	arrow, err := pqarrow.NewFileReader(s.file, properties, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", s.name, ErrSource, err)
	}
	reader, err := s.begin(arrow, leaves)
	if err != nil {
		return err
	}
	if s.reader != nil {
		s.reader.Release()
	}
	s.reader, s.schema = reader, reader.Schema()
	return nil
}
