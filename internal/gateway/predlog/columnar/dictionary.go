package columnar

import (
	"encoding/binary"
	mathbits "math/bits"
)

// dictionary knows the different numbers of a column, at most most.
type dictionary struct {
	entries []uint64
	slots   [slots]slot
	column  uint32
}

// slot is of the entry that took it in a column, the number of which is in it: so nothing has to be cleared for the next.
type slot struct {
	number uint64
	column uint32
	place  uint32
}

const (
	most  = 256 // a place then fits a byte
	slots = 4096
)

func (d *dictionary) reset() {
	d.entries = d.entries[:0]
	if d.column++; d.column == 0 {
		d.column = 1
		clear(d.slots[:])
	}
}

func slotOf(number uint64) uint64 { return number * 0x9e3779b97f4a7c15 >> 52 }

// add finds a number's entry, and makes one if there is none. It is false if there is room for no more.
func (d *dictionary) add(number uint64) (uint32, bool) {
	for i := slotOf(number); ; i++ {
		s := &d.slots[i%slots]
		if s.column != d.column {
			n := len(d.entries)
			if n == most {
				return 0, false
			}
			d.entries = append(d.entries, number)
			*s = slot{number: number, column: d.column, place: uint32(n)} //nolint:gosec // below most
		}
		if s.number == number {
			return s.place, true
		}
	}
}

// few gives each number its place among the different ones, if those are few.
func few[T float32 | float64](w *Writer, values []T) ([]uint8, bool) {
	const look = 128 // numbers that hardly ever repeat show early
	d := &w.seen
	d.reset()
	if cap(w.places) < len(values) {
		w.places = make([]uint8, len(values))
	}
	places := w.places[:len(values)]
	early := min(look, len(values))
	if !find(d, values[:early], places) || early == look && len(d.entries) > look*7/8 || !find(d, values[early:], places[early:]) {
		return nil, false
	}
	return places, 2*len(d.entries) <= len(values)
}

// find writes the places of numbers. It is false if there are too many different ones.
func find[T float32 | float64](d *dictionary, values []T, places []uint8) bool {
	places = places[:len(values)]
	column := d.column
	for i, v := range values {
		u := bits(v)
		s := &d.slots[slotOf(u)]
		place := s.place
		if s.number != u || s.column != column {
			var ok bool
			if place, ok = d.add(u); !ok {
				return false
			}
		}
		places[i] = uint8(place) //nolint:gosec // below most
	}
	return true
}

// dictionary writes a column of the numbers that few has found.
func (w *Writer) dictionary(c *chunk, places []uint8) {
	w.body = w.body[:0]
	for _, v := range w.seen.entries {
		w.body = binary.LittleEndian.AppendUint64(w.body, v)
	}
	w.entries(c, len(w.seen.entries), w.body, len(w.body))
	c.encoding = encodingDictionary
	width := mathbits.Len(uint(max(1, len(w.seen.entries)-1)))
	w.body = append(append(w.body[:0], w.levels...), byte(width))
	w.body = hybrid(w.body, width, places)
	w.page(c, encodingDictionary, len(w.body), len(w.body))
	w.out.b = append(w.out.b, w.body...)
}
