package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowcsv "github.com/apache/arrow-go/v18/arrow/csv"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

const (
	batchRows = 1 << 16
	groupRows = 1 << 20 // of a Parquet row group
)

// sink takes the batches of a table.
type sink interface {
	Write(arrow.RecordBatch) error
	Close() error
}

type parquetTable struct{ *pqarrow.FileWriter }

func (t parquetTable) Write(b arrow.RecordBatch) error { return t.WriteBuffered(b) }

func parquetSink(w io.Writer, s *arrow.Schema) (sink, error) {
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(groupRows))
	f, err := pqarrow.NewFileWriter(s, w, props, pqarrow.DefaultWriterProps())
	return parquetTable{f}, err
}

type csvTable struct{ *arrowcsv.Writer }

func (t csvTable) Close() error { return t.Flush() }

func csvSink(w io.Writer, s *arrow.Schema) (sink, error) {
	return csvTable{arrowcsv.NewWriter(w, s, arrowcsv.WithHeader(true), arrowcsv.WithNullWriter(""))}, nil
}

// makeTable writes rows of 20 mixed columns that meet schema.yaml, but for row wrong.
func makeTable(path string, open func(io.Writer, *arrow.Schema) (sink, error), rows, wrong int) error {
	return writeFile(path, func(w io.Writer) error {
		g := newGenerator()
		defer g.b.Release()
		// Parquet's writer closes what it can: it is given nothing but Write.
		s, err := open(struct{ io.Writer }{w}, g.b.Schema())
		if err != nil {
			return err
		}
		for row := range rows {
			g.row(int64(row), row == wrong)
			if (row+1)%batchRows == 0 || row+1 == rows {
				batch := g.b.NewRecordBatch()
				err := s.Write(batch)
				batch.Release()
				if err != nil {
					return err
				}
			}
		}
		return s.Close()
	})
}

// generator makes the rows of the table, always the same ones.
type generator struct {
	b   *array.RecordBuilder
	rng *rand.Rand
}

func newGenerator() *generator {
	i64, f64, flag := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean
	text, moment := arrow.BinaryTypes.String, &arrow.TimestampType{Unit: arrow.Microsecond}
	columns := []struct {
		name string
		kind arrow.DataType
	}{
		{"id", i64}, {"user", i64}, {"age", i64}, {"visits", i64},
		{"score", f64}, {"amount", f64}, {"price", f64}, {"ratio", f64}, {"lat", f64}, {"lon", f64},
		{"country", text}, {"plan", text}, {"channel", text}, {"code", text}, {"email", text}, {"city", text},
		{"active", flag}, {"trial", flag}, {"created", moment}, {"updated", moment},
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.kind, Nullable: true}
	}
	return &generator{
		b:   array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil)),
		rng: rand.New(rand.NewPCG(1, 2)),
	}
}

// row appends one row; a wrong one has a negative age.
func (g *generator) row(id int64, wrong bool) {
	r := g.rng
	whole := func(c int, v int64) { g.b.Field(c).(*array.Int64Builder).Append(v) }
	number := func(c int, v float64) { g.b.Field(c).(*array.Float64Builder).Append(v) }
	word := func(c int, v string) { g.b.Field(c).(*array.StringBuilder).Append(v) }
	flag := func(c int, v bool) { g.b.Field(c).(*array.BooleanBuilder).Append(v) }
	moment := func(c int, v int64) { g.b.Field(c).(*array.TimestampBuilder).Append(arrow.Timestamp(v)) }
	// share nulls one value in n.
	share := func(c, n int, append func()) {
		if r.IntN(n) == 0 {
			g.b.Field(c).AppendNull()
			return
		}
		append()
	}
	age := 18 + r.Int64N(80)
	if wrong {
		age = -1
	}
	whole(0, id)
	whole(1, r.Int64N(1_000_000))
	whole(2, age)
	share(3, 20, func() { whole(3, int64(r.ExpFloat64()*30)) })
	number(4, r.NormFloat64())
	number(5, float64(int(r.ExpFloat64()*10000))/100)
	number(6, float64(r.IntN(10000))/100)
	number(7, r.Float64())
	number(8, r.Float64()*180-90)
	share(9, 50, func() { number(9, r.Float64()*360-180) })
	word(10, []string{"de", "fr", "us", "gb", "it", "es", "pl", "nl", "se", "at"}[r.IntN(10)])
	word(11, []string{"free", "basic", "pro", "enterprise"}[r.IntN(4)])
	word(12, []string{"web", "mobile", "partner", "store", "phone"}[r.IntN(5)])
	word(13, fmt.Sprintf("%08x", r.Uint32()))
	word(14, "u"+strconv.FormatInt(r.Int64N(1<<40), 36)+"@example.com")
	share(15, 10, func() { word(15, "city "+strconv.Itoa(r.IntN(500))) })
	flag(16, r.IntN(2) == 0)
	flag(17, r.IntN(9) == 0)
	created := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() + r.Int64N(1<<46)
	moment(18, created)
	moment(19, created+r.Int64N(1<<40))
}
