package predlog

import "strings"

// texts are a column's texts. Those that occur again and again, as most do, are held once.
type texts struct {
	data []byte
	ends []int   // where each entry ends in data; the first, 0, is where the first begins
	of   []int32 // the entry of each row; 0, too, where there is none
	seen map[string]int32
	// apart: each row has an entry of its own from here on, nothing is looked up.
	apart  bool
	always bool // apart, and from the first on
}

func newTexts() *texts { return &texts{ends: []int{0}, seen: map[string]int32{}} }

// newApart is for texts that are hardly ever the same.
func newApart() *texts { return &texts{ends: []int{0}, apart: true, always: true} }

// reset forgets all rows; the memory stays.
func (t *texts) reset() {
	t.data, t.ends, t.of = t.data[:0], t.ends[:1], t.of[:0]
	if t.always {
		return
	}
	t.apart = false
	if t.seen == nil {
		t.seen = map[string]int32{}
	}
	clear(t.seen)
}

func (t *texts) entries() int { return len(t.ends) - 1 }

// add appends a row's text.
func (t *texts) add(s string) {
	at, known := t.seen[s]
	if !known {
		at = int32(t.entries()) //nolint:gosec // at most one a row
		t.data = append(t.data, s...)
		t.ends = append(t.ends, len(t.data))
		t.remember(s, at)
	}
	t.of = append(t.of, at)
}

// remember makes an entry known, unless experience tells that it will not occur again.
func (t *texts) remember(s string, at int32) {
	const few = 64
	switch {
	case t.apart:
	case at >= few && int(at) > len(t.of)/2:
		t.apart, t.seen = true, nil
	default:
		t.seen[strings.Clone(s)] = at // s may hold on to a whole request
	}
}

// none appends a row without a text.
func (t *texts) none() { t.of = append(t.of, 0) }

// held is about how many bytes the texts take.
func (t *texts) held() int { return len(t.data) + 8*len(t.ends) + 4*len(t.of) }
