package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Keys of the metadata in the Arrow form of a table. The form passes between
// two processes of one program; it is not kept.
const (
	metaName = "slipway.name" // of the table
	metaKind = "slipway.kind" // of a column
)

// MarshalBinary writes the table as an Arrow IPC stream, for another process of
// this program: its columns, and behind them the line of each row.
func (t *Table) MarshalBinary() ([]byte, error) {
	fields := make([]arrow.Field, 0, len(t.columns)+1)
	arrays := make([]arrow.Array, 0, len(t.columns)+1)
	for i, c := range t.columns {
		a := t.record.Column(i)
		meta := arrow.MetadataFrom(map[string]string{metaKind: string(c.Kind)})
		fields = append(fields, arrow.Field{Name: c.Name, Type: a.DataType(), Nullable: true, Metadata: meta})
		arrays = append(arrays, a)
	}
	lines := array.NewInt32Builder(memory.DefaultAllocator)
	defer lines.Release()
	lines.AppendValues(t.lines, nil)
	column := lines.NewArray()
	defer column.Release()
	fields, arrays = append(fields, arrow.Field{Name: "line", Type: arrow.PrimitiveTypes.Int32}), append(arrays, column)
	meta := arrow.MetadataFrom(map[string]string{metaName: t.name})
	schema := arrow.NewSchema(fields, &meta)
	record := array.NewRecordBatch(schema, arrays, t.record.NumRows())
	defer record.Release()

	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := errors.Join(w.Write(record), w.Close()); err != nil {
		return nil, fmt.Errorf("write table %s: %w", t.name, err)
	}
	return out.Bytes(), nil
}

// UnmarshalTable reads what MarshalBinary wrote.
func UnmarshalTable(b []byte) (*Table, error) {
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("read table: %w", err)
	}
	defer r.Release()
	record, err := r.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read table: %w", err)
	}
	last := len(r.Schema().Fields()) - 1
	if record == nil || last < 0 || r.Schema().Field(last).Type.ID() != arrow.INT32 {
		return nil, errors.New("read table: the stream holds no table")
	}
	columns := make([]Column, last)
	arrays := make([]arrow.Array, last)
	for i := range last {
		f := r.Schema().Field(i)
		kind, _ := f.Metadata.GetValue(metaKind)
		columns[i], arrays[i] = Column{Name: f.Name, Kind: Kind(kind)}, record.Column(i)
	}
	lines := append([]int32(nil), record.Column(last).(*array.Int32).Int32Values()...)
	meta := r.Schema().Metadata()
	name, _ := meta.GetValue(metaName)
	return newTable(name, columns, arrays, lines), nil
}
