package dataset

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// MaskMode is how personal values leave the store.
type MaskMode string

// Modes of masking. Hash and token give the same for the same value under one
// key, whatever the column, so that tables can still be joined on it.
const (
	MaskHash     MaskMode = "hash"     // HMAC-SHA-256 of the value, 64 hexadecimal digits
	MaskToken    MaskMode = "token"    // 26 letters and digits of that HMAC, 128 bits
	MaskTruncate MaskMode = "truncate" // the first character; the year of a date
	MaskDrop     MaskMode = "drop"     // null
)

// minMaskKey is the shortest key: that of HMAC-SHA-256's security.
const minMaskKey = 32

// Masker replaces the values of personal columns.
type Masker struct {
	key   []byte
	modes func(column string) (MaskMode, bool)
}

// NewMasker masks the personal columns of a schema under a secret key of at
// least 32 bytes. Who has the key can tell which value a token stands for by trying values.
func NewMasker(key []byte, s *Schema) (*Masker, error) {
	if len(key) < minMaskKey {
		return nil, fmt.Errorf("masking key: %d bytes, at least %d random bytes are needed", len(key), minMaskKey)
	}
	if s == nil {
		return nil, errors.New("masking: a schema that says which columns are personal is needed")
	}
	return &Masker{key: append([]byte(nil), key...), modes: func(column string) (MaskMode, bool) {
		r, ok := s.rule(column)
		if !ok || !r.Personal {
			return "", false
		}
		if r.Mask == "" {
			return MaskHash, true
		}
		return r.Mask, true
	}}, nil
}

// Mode is how a column is masked; personal is false of one that is not.
func (m *Masker) Mode(column string) (mode MaskMode, personal bool) { return m.modes(column) }

// Column masks the values of a personal column, which become text.
func (m *Masker) Column(name string, a arrow.Array) arrow.Array { return m.mask(name, a) }

// Fingerprint tells keys apart and gives nothing of them away.
func (m *Masker) Fingerprint() string { return hex.EncodeToString(m.sum("slipway masking key")[:8]) }

// Value masks a value of a column as text; ok is false where it becomes null. A
// column that is not personal keeps its values.
func (m *Masker) Value(column, value string) (masked string, ok bool) {
	mode, personal := m.modes(column)
	if !personal {
		return value, true
	}
	switch mode {
	case MaskToken:
		return m.token(value), true
	case MaskTruncate:
		return truncated(value), true
	case MaskDrop:
		return "", false
	}
	return hex.EncodeToString(m.sum(value)), true
}

func (m *Masker) sum(value string) []byte {
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

func (m *Masker) token(value string) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.sum(value)[:16]))
}

// sample is a personal value as a report may show it: a token, or nothing where the column is dropped.
func (m *Masker) sample(column, value string) string {
	if mode, personal := m.modes(column); !personal || mode == MaskDrop {
		return Masked
	}
	return m.token(value)
}

// truncated keeps the year of a date in ISO 8601 and the first character of anything else.
func truncated(value string) string {
	if _, ok := parseISO(value); ok {
		return value[:4]
	}
	for i := range value {
		if i > 0 {
			return value[:i] + "…"
		}
	}
	return value
}

// Source masks a source as it is read. Masked columns become text; those of mode drop are left out.
func (m *Masker) Source(src Source) Source {
	s := &maskedSource{Source: src, masker: m}
	var fields []arrow.Field
	for i, f := range src.Schema().Fields() {
		mode, personal := m.modes(f.Name)
		if personal && mode == MaskDrop {
			continue
		}
		if personal {
			f.Type = arrow.BinaryTypes.String
		}
		fields = append(fields, f)
		s.from, s.masked = append(s.from, i), append(s.masked, personal)
	}
	s.schema = arrow.NewSchema(fields, nil)
	return s
}

// maskedSource is a source whose personal columns are masked.
type maskedSource struct {
	Source
	masker *Masker
	schema *arrow.Schema
	from   []int
	masked []bool
}

func (s *maskedSource) Schema() *arrow.Schema { return s.schema }
func (s *maskedSource) lines() lineNumbers    { return linesOf(s.Source) }

func (s *maskedSource) Next(ctx context.Context) (arrow.RecordBatch, error) {
	batch, err := s.Source.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer batch.Release()
	columns := make([]arrow.Array, len(s.from))
	var made []arrow.Array
	defer func() { releaseAll(made) }()
	for i, from := range s.from {
		columns[i] = batch.Column(from)
		if s.masked[i] {
			columns[i] = s.masker.mask(s.schema.Field(i).Name, columns[i])
			made = append(made, columns[i])
		}
	}
	return array.NewRecordBatch(s.schema, columns, batch.NumRows()), nil
}

// mask makes text of a personal column. Numbers are masked as they are written.
func (m *Masker) mask(column string, a arrow.Array) arrow.Array {
	var v vector
	v.read(a, meaning{kind: String}, 0)
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(v.n)
	for i := range v.n {
		masked, ok := m.Value(column, v.text(i))
		if v.flags[i]&cellNull != 0 || !ok {
			b.AppendNull()
			continue
		}
		b.Append(masked)
	}
	return b.NewArray()
}

// Table masks a table in memory, as Source does.
func (m *Masker) Table(t *Table) *Table {
	var columns []Column
	var arrays []arrow.Array
	for i, c := range t.columns {
		mode, personal := m.modes(c.Name)
		switch {
		case personal && mode == MaskDrop:
			continue
		case personal:
			columns, arrays = append(columns, Column{Name: c.Name, Kind: String}), append(arrays, m.mask(c.Name, t.record.Column(i)))
		default:
			columns, arrays = append(columns, c), append(arrays, t.record.Column(i))
		}
	}
	return newTable(t.name, columns, arrays, t.lines)
}
