package dataset

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// tableColumn collects a column of a table that is read into memory.
type tableColumn struct {
	name  string
	m     meaning // its kind is one that a Table holds
	wants Kind    // what the schema says, for messages
	guess bool    // text that no schema speaks of
	v     vector  // of the batch at hand

	ints   []int64
	floats []float64
	bools  []bool
	words  []string
	valid  []bool
	bytes  int64
}

func newTableColumn(f arrow.Field, s *Schema) *tableColumn {
	c := &tableColumn{name: f.Name, m: meaning{kind: storedKind(f.Type)}}
	if s != nil {
		if rule, known := s.rule(f.Name); known {
			c.m, c.wants = s.meaning(rule), rule.Type
		}
	}
	c.guess = c.wants == "" && isText(f.Type)
	c.m.kind = c.m.kind.held()
	return c
}

// keep takes row i of the batch.
func (c *tableColumn) keep(i int) error {
	flags := c.v.flags[i]
	if flags&cellWrong != 0 {
		return fmt.Errorf("%w: the value is not of type %s, as the schema wants it", ErrSource, c.wants)
	}
	valid := flags&cellNull == 0
	switch c.m.kind {
	case Integer:
		valid = flags&cellUnusable == 0 // no integer is NaN
		value := int64(0)
		if valid {
			value = c.v.ints[i]
		}
		c.ints = append(c.ints, value)
		c.bytes += 8
	case Number:
		c.floats = append(c.floats, c.v.nums[i])
		c.bytes += 8
	case Boolean:
		c.bools = append(c.bools, valid && c.v.nums[i] != 0)
		c.bytes++
	default:
		word := ""
		if valid {
			word = string(c.v.bytesAt(i))
		}
		c.words = append(c.words, word)
		c.bytes += 16 + int64(len(word))
	}
	c.valid = append(c.valid, valid)
	return nil
}

// thin drops the rows that are not kept.
func (c *tableColumn) thin(keep []bool) {
	c.ints, c.floats, c.bools, c.valid = filter(c.ints, keep), filter(c.floats, keep), filter(c.bools, keep), filter(c.valid, keep)
	c.words = filter(c.words, keep)
	c.bytes = 8*int64(len(c.ints)+len(c.floats)) + int64(len(c.bools))
	for _, w := range c.words {
		c.bytes += 16 + int64(len(w))
	}
}

// filter keeps some elements of s in its place; an empty s stays empty.
func filter[T any](s []T, keep []bool) []T {
	out := s[:0]
	for i := range s {
		if keep[i] {
			out = append(out, s[i])
		}
	}
	clear(s[len(out):]) // lets text go
	return out
}

// array is the column as Arrow holds it.
func (c *tableColumn) array() (Kind, arrow.Array) {
	switch {
	case c.guess:
		kind := narrowest(c.words) // null is the empty field
		return kind, toArrow(kind, c.words)
	case c.m.kind == Integer:
		b := array.NewInt64Builder(memory.DefaultAllocator)
		b.AppendValues(c.ints, c.valid)
		return Integer, b.NewArray()
	case c.m.kind == Number:
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		b.AppendValues(c.floats, c.valid)
		return Number, b.NewArray()
	case c.m.kind == Boolean:
		b := array.NewBooleanBuilder(memory.DefaultAllocator)
		b.AppendValues(c.bools, c.valid)
		return Boolean, b.NewArray()
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues(c.words, c.valid)
	return String, b.NewArray()
}
