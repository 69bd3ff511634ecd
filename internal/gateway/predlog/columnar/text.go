package columnar

import (
	"encoding/binary"
	mathbits "math/bits"
)

// Texts are a column's texts, those that are the same once.
type Texts struct {
	Data []byte  // the entries, one after the other
	Ends []int   // where each entry ends, from the second on; the first is 0, where the first entry begins
	Of   []int32 // the entry of each row, anything where there is none
	// Required columns have a text in each row; of others Present tells which have.
	Required bool
	Present  Mask
	// Apart writes each row's text as it is, because they are hardly ever the same.
	Apart bool
}

// Texts writes a column of texts.
func (w *Writer) Texts(name string, t *Texts) {
	c := w.begin(name, text, !t.Required, t.Present)
	if t.Apart || len(t.Ends) == 1 {
		w.body = append(w.body[:0], w.levels...)
		for i, entry := range t.Of {
			if t.Present == nil || t.Present[i] != 0 {
				w.entry(t, int(entry))
			}
		}
		w.compressed(c, encodingPlain)
		return
	}
	w.words(c, t)
}

// entry appends an entry to the body.
func (w *Writer) entry(t *Texts, i int) {
	s := t.Data[t.Ends[i]:t.Ends[i+1]]
	w.body = binary.LittleEndian.AppendUint32(w.body, uint32(len(s))) //nolint:gosec // what is held is bounded
	w.body = append(w.body, s...)
	w.worked(len(s)/4 + 1)
}

// words writes the entries and, for each row, which it is.
func (w *Writer) words(c *chunk, t *Texts) {
	n := len(t.Ends) - 1
	w.body = w.body[:0]
	for i := range n {
		w.entry(t, i)
	}
	entries := w.body
	if w.worth(w.body) {
		c.codec = codecSnappy
		w.spare = w.snappy(w.spare[:0], w.body)
		entries = w.spare
	}
	w.entries(c, n, entries, len(w.body))
	c.encoding = encodingDictionary
	places := t.Of
	if t.Present != nil {
		places = make([]int32, 0, len(t.Of))
		for i, entry := range t.Of {
			if t.Present[i] != 0 {
				places = append(places, entry)
			}
		}
	}
	width := mathbits.Len(uint(max(1, n-1))) //nolint:gosec // not negative
	w.body = append(append(w.body[:0], w.levels...), byte(width))
	w.body = packed(w.body, width, places)
	body := w.body
	if c.codec == codecSnappy {
		w.spare = w.snappy(w.spare[:0], w.body)
		body = w.spare
	}
	w.page(c, encodingDictionary, len(w.body), len(body))
	w.out.b = append(w.out.b, body...)
	w.worked(2 * len(places))
}
