package dataset

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Limits of the rules between columns that Infer proposes.
const (
	pairColumns   = 24  // columns of a kind that are compared with each other
	pairRows      = 100 // that both must have a value in
	pairSurprise  = 20  // rows that would break the rule if the columns had nothing to do with each other
	maxPairRules  = 12
	largestMostly = 0.999
)

// pairGuess finds out which columns are never greater than another, or equal to it.
type pairGuess struct{ pairs []*columnPair }

// columnPair compares two columns of one kind.
type columnPair struct {
	a, b                 *columnState
	less, equal, greater int64
	hopeless             bool // nothing holds any more
}

// newPairGuess compares numbers with numbers, dates with dates, text with text. Columns that
// are numbered alike are left out: they are measurements of one thing.
func newPairGuess(columns []*columnState) *pairGuess {
	g := &pairGuess{}
	byKind := map[int][]*columnState{}
	for at := 0; at < len(columns); {
		if n := len(numbered(columns[at:])); n >= inferGroup {
			at += n
			continue
		}
		c := columns[at]
		at++
		k := pairKind(c)
		if len(byKind[k]) < pairColumns {
			byKind[k] = append(byKind[k], c)
		}
	}
	for _, of := range byKind {
		for i, a := range of {
			for _, b := range of[i+1:] {
				g.pairs = append(g.pairs, &columnPair{a: a, b: b})
			}
		}
	}
	return g
}

func pairKind(c *columnState) int {
	switch k := c.m.kind; {
	case k.Numeric():
		return 1
	case k.temporal():
		return 2
	case k == Boolean:
		return 3
	}
	return 4
}

// observe looks at the batch that the columns hold.
func (g *pairGuess) observe() {
	for _, p := range g.pairs {
		if !p.hopeless {
			p.observe()
		}
	}
	g.pairs = slices.DeleteFunc(g.pairs, func(p *columnPair) bool { return p.hopeless })
}

func (p *columnPair) observe() {
	a, b := &p.a.v, &p.b.v
	for i := range a.n {
		if !a.usable(i) || !b.usable(i) {
			continue
		}
		if a.kind.textual() {
			if a.hashes[i] != b.hashes[i] {
				p.hopeless = true
				return
			}
			p.equal++
			continue
		}
		switch x, y := a.nums[i], b.nums[i]; {
		case x < y:
			p.less++
		case x > y:
			p.greater++
		default:
			p.equal++
		}
		if p.less > 0 && p.greater > 0 {
			p.hopeless = true
			return
		}
	}
}

// rules proposes what held in all rows and would hardly do so by chance.
func (g *pairGuess) rules() []TableCheck {
	type edge struct{ low, high string }
	held := map[edge]int64{}
	var out []TableCheck
	for _, p := range g.pairs {
		n := p.less + p.equal + p.greater
		low, high := p.a, p.b
		if p.greater > 0 {
			low, high = high, low
		}
		switch {
		case n < pairRows || p.hopeless || low.meant() != low.m.kind && low.meant() == String || high.meant() == String && !high.m.kind.textual():
		case p.equal == n:
			if float64(n)*(1-chanceEqual(low, high)) >= pairSurprise {
				out = append(out, heldRule(low.name, "==", high.name, n))
			}
		case low.m.kind != Boolean && float64(n)*chanceAbove(low.sample.values(), high.sample.values()) >= pairSurprise:
			held[edge{low.name, high.name}] = n
		}
	}
	edges := make([]edge, 0, len(held))
	for e := range held {
		implied := false
		for f := range held { // what follows from two others is not said
			if f.low == e.low && f.high != e.high {
				if _, ok := held[edge{f.high, e.high}]; ok {
					implied = true
				}
			}
		}
		if !implied {
			edges = append(edges, e)
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return strings.Compare(a.low+"\x00"+a.high, b.low+"\x00"+b.high) })
	for _, e := range edges {
		out = append(out, heldRule(e.low, "<=", e.high, held[e]))
	}
	return out[:min(len(out), maxPairRules)]
}

// heldRule says a rule that held in n rows; what never happened in n rows happens in
// at most 3 of n more with 95 % confidence, so that share is allowed for.
func heldRule(a, operator, b string, n int64) TableCheck {
	share := sureShare(n)
	return TableCheck{Rule: ruleName(a) + " " + operator + " " + ruleName(b), Mostly: &share, Severity: Error,
		Reason: fmt.Sprintf("held in all %d rows that the schema was made from", n)}
}

// sureShare is the share of other rows in which something holds that held in n.
func sureShare(n int64) float64 {
	share := math.Floor(1000*(1-3/float64(max(n, 4)))) / 1000
	return min(max(share, inferLeast), largestMostly)
}

// ruleName writes a column in a rule.
func ruleName(name string) string {
	word := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	taken := strings.Fields("and or not in matches contains startsWith endsWith let if else true false nil null " + ruleFunctions)
	if word.MatchString(name) && !slices.Contains(taken, name) {
		return name
	}
	return "$env[" + strconv.Quote(name) + "]"
}

// chanceAbove is how often a value of a is above one of b where the two are drawn apart.
func chanceAbove(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	above := 0.0
	for _, x := range a {
		above += float64(sort.SearchFloat64s(b, x))
	}
	return above / float64(len(a)) / float64(len(b))
}

// chanceEqual is how often two values of columns with the same values are equal where they are drawn apart.
func chanceEqual(a, b *columnState) float64 {
	if a.counter.stop || b.counter.stop {
		return 0
	}
	n := float64(max(a.values(), 1))
	sum := 0.0
	for _, count := range a.counter.counts {
		sum += float64(count) / n * float64(count) / n
	}
	return sum
}
