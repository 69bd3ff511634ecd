package dataset

import (
	"regexp"
	"regexp/syntax"
	"slices"
)

// maxStates bounds the automaton of a pattern; larger ones stay with package regexp.
const maxStates = 512

// matcher matches whole values against a pattern. ASCII values of patterns that
// make a small automaton take one step a byte, or fewer; package regexp sees to the rest.
type matcher struct {
	slow   *regexp.Regexp
	next   []int16 // state*128 + byte → state; -1: no match; nil: no automaton
	accept []bool
	words  []matcherWord // by state
}

// matcherWord is text that must come next, and the state after it.
type matcherWord struct {
	text string // empty: several characters may come next, or the value may end
	to   int16
}

func newMatcher(pattern *regexp.Regexp) *matcher {
	m := &matcher{slow: pattern}
	tree, err := syntax.Parse(pattern.String(), syntax.Perl)
	if err != nil {
		return m
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return m
	}
	b := &dfaBuilder{program: program, numbers: map[string]int16{}}
	if next, accept, ok := b.build(); ok {
		m.next, m.accept = next, accept
		for state := range accept {
			m.words = append(m.words, m.word(int16(state)))
		}
	}
	return m
}

// maxWordAhead bounds the text that a matcher looks for at once.
const maxWordAhead = 64

// word follows the states that only one byte leads out of, other than bytes beyond ASCII.
func (m *matcher) word(state int16) (w matcherWord) {
	var text []byte
	for len(text) < maxWordAhead && !m.accept[state] {
		only, ways := byte(0), 0
		for c, to := range m.next[int(state)<<7:][:128] {
			if to >= 0 {
				only, ways = byte(c), ways+1
			}
		}
		if ways != 1 {
			break
		}
		text, state = append(text, only), m.next[int(state)<<7|int(only)]
	}
	if len(text) > 1 {
		w.text, w.to = string(text), state
	}
	return w
}

// match tells whether the whole of b matches.
func (m *matcher) match(b []byte) bool {
	if m.next == nil {
		return m.slow.Match(b)
	}
	state := int16(0)
	for i := 0; i < len(b); {
		if w := &m.words[state]; w.text != "" && len(b)-i >= len(w.text) && string(b[i:i+len(w.text)]) == w.text {
			i, state = i+len(w.text), w.to
			continue
		}
		row := (*[128]int16)(m.next[int(state)<<7:])
		if b[i] >= 0x80 {
			return m.slow.Match(b)
		}
		to := row[b[i]]
		if to < 0 {
			return false
		}
		i++
		if to == state { // it repeats
			for i < len(b) && b[i] < 0x80 && row[b[i]] == to {
				i++
			}
		}
		state = to
	}
	return m.accept[state]
}

// dfaBuilder makes an automaton by the subset construction (Rabin and Scott, 1959).
type dfaBuilder struct {
	program *syntax.Prog
	numbers map[string]int16
	sets    [][]uint32
	next    []int16
	accept  []bool
}

func (b *dfaBuilder) build() (next []int16, accept []bool, ok bool) {
	start, ok := b.closure([]uint32{uint32(b.program.Start)}, syntax.EmptyBeginText)
	if !ok {
		return nil, nil, false
	}
	b.number(start)
	for state := 0; state < len(b.sets); state++ {
		if len(b.sets) > maxStates {
			return nil, nil, false
		}
		row := make([]int16, 128)
		for c := range row {
			var to []uint32
			for _, pc := range b.sets[state] {
				if inst := &b.program.Inst[pc]; isRune(inst) && inst.MatchRune(rune(c)) {
					to = append(to, inst.Out)
				}
			}
			if len(to) == 0 {
				row[c] = -1
				continue
			}
			set, ok := b.closure(to, 0)
			if !ok {
				return nil, nil, false
			}
			row[c] = b.number(set)
		}
		b.next = append(b.next, row...)
		from := syntax.EmptyEndText
		if state == 0 {
			from |= syntax.EmptyBeginText
		}
		end, ok := b.closure(b.sets[state], from)
		if !ok {
			return nil, nil, false
		}
		b.accept = append(b.accept, slices.ContainsFunc(end, func(pc uint32) bool { return b.program.Inst[pc].Op == syntax.InstMatch }))
	}
	return b.next, b.accept, true
}

func isRune(i *syntax.Inst) bool {
	return i.Op == syntax.InstRune || i.Op == syntax.InstRune1 || i.Op == syntax.InstRuneAny || i.Op == syntax.InstRuneAnyNotNL
}

// number names a set of instructions.
func (b *dfaBuilder) number(set []uint32) int16 {
	key := make([]byte, 0, 4*len(set))
	for _, pc := range set {
		key = append(key, byte(pc), byte(pc>>8), byte(pc>>16), byte(pc>>24))
	}
	if n, known := b.numbers[string(key)]; known {
		return n
	}
	n := int16(len(b.sets))
	b.numbers[string(key)] = n
	b.sets = append(b.sets, set)
	return n
}

// closure follows the instructions that read nothing. Assertions that do not
// hold here stay in the set, to be asked again at the end; it gives up on those
// that look at the characters around, such as \b.
func (b *dfaBuilder) closure(from []uint32, holds syntax.EmptyOp) (set []uint32, ok bool) {
	seen := make([]bool, len(b.program.Inst))
	stack := slices.Clone(from)
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		inst := &b.program.Inst[pc]
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, inst.Out, inst.Arg)
			continue
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, inst.Out)
			continue
		case syntax.InstEmptyWidth:
			op := syntax.EmptyOp(inst.Arg)
			if op&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
				return nil, false
			}
			if op&^holds == 0 {
				stack = append(stack, inst.Out)
			}
			if op&syntax.EmptyBeginText != 0 {
				continue
			}
		case syntax.InstFail:
			continue
		}
		set = append(set, pc)
	}
	slices.Sort(set)
	return set, true
}
