package catalog

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// stamp is a time as a column: microseconds since 1970 UTC; NULL is the zero time.
type stamp time.Time

// Scan implements sql.Scanner.
func (s *stamp) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s = stamp{}
	case int64:
		*s = stamp(time.UnixMicro(v).UTC())
	default:
		return fmt.Errorf("time column holds %T, want int64", src)
	}
	return nil
}

// Value implements driver.Valuer.
func (s stamp) Value() (driver.Value, error) {
	if time.Time(s).IsZero() {
		return nil, nil
	}
	return time.Time(s).UnixMicro(), nil
}

func (s stamp) time() time.Time { return time.Time(s) }

// at is t as the catalog gives it back: UTC, microseconds.
func at(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// document is JSON as a TEXT column. Not JSONB: the hash of an event is over the exact text.
type document json.RawMessage

// Scan implements sql.Scanner.
func (d *document) Scan(src any) error {
	switch v := src.(type) {
	case string:
		*d = document(v)
	case []byte:
		*d = bytes.Clone(v)
	default:
		return fmt.Errorf("JSON column holds %T, want text", src)
	}
	if len(*d) == 0 {
		*d = nil
	}
	return nil
}

func (d document) raw() json.RawMessage { return json.RawMessage(d) }

// canonical is the canonical form of one JSON value: object keys sorted by
// bytes, no white space, numbers as written, UTF-8 not escaped. Empty stays empty.
func canonical(raw json.RawMessage) (document, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, invalid("not JSON (%v)", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid("more than one JSON value")
	}
	return encode(value)
}

// encode is v in canonical form.
func encode(v any) (document, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, invalid("can't be written as JSON (%v)", err)
	}
	return document(bytes.TrimSuffix(out.Bytes(), []byte("\n"))), nil
}

// canonicalOf is a Go value in canonical form.
func canonicalOf(v any) (document, error) {
	raw, err := encode(v)
	if err != nil {
		return nil, err
	}
	return canonical(raw.raw())
}

// clean makes text storable everywhere: PostgreSQL takes neither NUL nor what
// is not UTF-8, and people's reasons may hold both.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
