package dataset

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of the shapes of text.
const (
	maxShapes      = 8  // different ones that are followed
	maxShapesSaid  = 3  // that make a pattern
	maxShapeTokens = 24 // runs of characters of one class in a value
	maxShapeBytes  = 64
	shapeEvidence  = 20 // values that each shape stands for
)

// Classes of characters, as bits.
const (
	classDigit byte = 1 << iota
	classUpper
	classLower
	classOther // one character, that of the token
)

// shapes follows what the values of a column of text are made of: which classes
// of characters follow each other, and how many of each.
type shapes struct {
	fine   shapeSet // digits, capitals and small letters are runs of their own
	joined shapeSet // letters and digits are one run
	values int64
	tokens []shapeToken
}

// shapeSet is the shapes seen, none where there are too many.
type shapeSet struct {
	known  []*shape
	gaveUp bool
}

// shape is what some values are made of.
type shape struct {
	tokens []shapeToken
	values int64
}

// shapeToken is a run of characters.
type shapeToken struct {
	class     byte
	other     byte // the character of classOther
	from, to  int  // of the value
	low, high int  // fewest and most characters
	text      string
	constant  bool // the text is the same in all values
}

// observe looks at the values of a batch.
func (s *shapes) observe(v *vector) {
	if s.fine.gaveUp && s.joined.gaveUp {
		return
	}
	for i := range v.n {
		if v.usable(i) {
			s.add(v.bytesAt(i))
		}
	}
}

func (s *shapes) add(value []byte) {
	s.values++
	for _, level := range []struct {
		set  *shapeSet
		join bool
	}{{&s.fine, false}, {&s.joined, true}} {
		if level.set.gaveUp {
			continue
		}
		var ok bool
		if s.tokens, ok = cutShape(s.tokens[:0], value, level.join); !ok {
			level.set.gaveUp = true
			continue
		}
		level.set.add(s.tokens, value)
	}
}

// cutShape cuts a value into runs; ok is false for what no pattern is made of.
func cutShape(tokens []shapeToken, value []byte, join bool) (out []shapeToken, ok bool) {
	if len(value) == 0 || len(value) > maxShapeBytes {
		return tokens, false
	}
	for i, b := range value {
		class, other := classOf(b)
		if class == 0 {
			return tokens, false
		}
		if n := len(tokens); n > 0 {
			last := &tokens[n-1]
			if last.class == class && last.other == other || join && class != classOther && last.class != classOther {
				last.class |= class
				last.to = i + 1
				continue
			}
		}
		if len(tokens) == maxShapeTokens {
			return tokens, false
		}
		tokens = append(tokens, shapeToken{class: class, other: other, from: i, to: i + 1})
	}
	return tokens, true
}

func classOf(b byte) (class, other byte) {
	switch {
	case b >= '0' && b <= '9':
		return classDigit, 0
	case b >= 'A' && b <= 'Z':
		return classUpper, 0
	case b >= 'a' && b <= 'z':
		return classLower, 0
	case b >= ' ' && b < 0x7f:
		return classOther, b
	}
	return 0, 0
}

// add counts a value of these runs.
func (s *shapeSet) add(tokens []shapeToken, value []byte) {
	for _, k := range s.known {
		if k.like(tokens) {
			k.widen(tokens, value)
			return
		}
	}
	if len(s.known) == maxShapes {
		s.gaveUp, s.known = true, nil
		return
	}
	k := &shape{tokens: slices.Clone(tokens), values: 1}
	for i := range k.tokens {
		t := &k.tokens[i]
		t.low, t.high, t.text, t.constant = t.to-t.from, t.to-t.from, string(value[t.from:t.to]), true
	}
	s.known = append(s.known, k)
}

// like tells that the runs are those of the shape: other characters the same, letters and digits in the same places.
func (k *shape) like(tokens []shapeToken) bool {
	return slices.EqualFunc(k.tokens, tokens, func(a, b shapeToken) bool {
		return (a.class == classOther) == (b.class == classOther) && a.other == b.other && (a.class == classOther || a.class == b.class || a.class|b.class == a.class || joinedClass(a.class) || joinedClass(b.class))
	})
}

// joinedClass tells that a run mixes letters and digits, so that it may hold either.
func joinedClass(class byte) bool { return class&(class-1) != 0 }

func (k *shape) widen(tokens []shapeToken, value []byte) {
	k.values++
	for i := range k.tokens {
		t, n := &k.tokens[i], tokens[i].to-tokens[i].from
		t.class |= tokens[i].class
		t.low, t.high = min(t.low, n), max(t.high, n)
		t.constant = t.constant && t.text == string(value[tokens[i].from:tokens[i].to])
	}
}

// pattern is a regular expression that all values match and that says something
// of them; "" where there is none.
func (s *shapes) pattern() string {
	for _, set := range []*shapeSet{&s.fine, &s.joined} {
		if set.gaveUp || len(set.known) == 0 || len(set.known) > maxShapesSaid {
			continue
		}
		kinds := slices.Clone(set.known)
		slices.SortStableFunc(kinds, func(a, b *shape) int { return cmp.Compare(b.values, a.values) })
		if slices.ContainsFunc(kinds, func(k *shape) bool { return k.values < shapeEvidence || !k.telling() }) {
			continue
		}
		var parts []string
		for _, k := range kinds {
			parts = append(parts, k.pattern())
		}
		return strings.Join(slices.Compact(parts), "|")
	}
	return ""
}

// telling says that the shape is that of a code: it has digits, or its letters
// are of fixed number. Words of any length are only words.
func (k *shape) telling() bool {
	fixed := true
	for _, t := range k.tokens {
		if t.class&classDigit != 0 {
			return true
		}
		fixed = fixed && t.low == t.high
	}
	return fixed
}

func (k *shape) pattern() string {
	var out strings.Builder
	for _, t := range k.tokens {
		switch {
		case t.class == classOther:
			out.WriteString(regexp.QuoteMeta(string(t.other)))
		case t.constant && t.class&classDigit == 0:
			out.WriteString(t.text)
			continue
		default:
			out.WriteString(classPattern(t.class))
		}
		switch {
		case t.low != t.high:
			out.WriteByte('+')
		case t.low > 1:
			out.WriteString("{" + strconv.Itoa(t.low) + "}")
		}
	}
	return out.String()
}

func classPattern(class byte) string {
	out := "["
	if class&classDigit != 0 {
		out += "0-9"
	}
	if class&classUpper != 0 {
		out += "A-Z"
	}
	if class&classLower != 0 {
		out += "a-z"
	}
	return out + "]"
}
