package spec

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// checker collects what is wrong with values.
type checker struct{ problems Problems }

func (c *checker) bad(field, found, want string) {
	c.problems = append(c.problems, Problem{Field: field, Found: found, Want: want})
}

// found is how a string that is not allowed is told; an empty one is missing.
func found(s string) string {
	if s == "" {
		return ""
	}
	return quote(s) + " is not allowed"
}

// interval is a range of numbers; hi may be +Inf.
type interval struct {
	lo, hi         float64
	openLo, openHi bool
}

func above(lo float64) interval         { return interval{lo: lo, hi: math.Inf(1), openLo: true} }
func atLeast(lo float64) interval       { return interval{lo: lo, hi: math.Inf(1)} }
func closed(lo, hi float64) interval    { return interval{lo: lo, hi: hi} }
func aboveUpTo(lo, hi float64) interval { return interval{lo: lo, hi: hi, openLo: true} }
func open(lo, hi float64) interval      { return interval{lo: lo, hi: hi, openLo: true, openHi: true} }

// holds is false for a value that is not finite.
func (i interval) holds(v float64) bool {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0) || v < i.lo || v > i.hi:
		return false
	case i.openLo && v == i.lo, i.openHi && v == i.hi:
		return false
	}
	return true
}

func (i interval) String() string {
	switch {
	case math.IsInf(i.hi, 1) && i.openLo:
		return "above " + number(i.lo)
	case math.IsInf(i.hi, 1):
		return "of " + number(i.lo) + " or more"
	}
	left, right := "[", "]"
	if i.openLo {
		left = "("
	}
	if i.openHi {
		right = ")"
	}
	return "in " + left + number(i.lo) + ", " + number(i.hi) + right
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func (c *checker) number(field string, v float64, in interval) {
	if !in.holds(v) {
		c.bad(field, number(v)+" is not allowed", "a number "+in.String())
	}
}

// optional checks a number that a complete spec has.
func (c *checker) optional(field string, v *float64, in interval) {
	if v == nil {
		c.bad(field, "", "a number "+in.String())
		return
	}
	c.number(field, *v, in)
}

func (c *checker) whole(field string, v int64, in interval) {
	if !in.holds(float64(v)) {
		c.bad(field, strconv.FormatInt(v, 10)+" is not allowed", "a whole number "+in.String())
	}
}

// maxDuration bounds waiting; nobody means to wait for a release longer than a year.
const maxDuration = 8760 * time.Hour

func (c *checker) duration(field string, d Duration) {
	if d <= 0 || d.D() > maxDuration {
		c.bad(field, d.String()+" is not allowed", "a duration above 0s and up to 8760h")
	}
}

// name checks what becomes part of workflow ids, URLs and file names.
func (c *checker) name(field, s string) {
	if !isName(s) {
		c.bad(field, found(s), "1 to 63 of a-z, 0-9, dot, dash and underscore that begin with a letter or digit")
	}
}

// isName tells whether s matches ^[a-z0-9][a-z0-9._-]{0,62}$.
func isName(s string) bool {
	if s == "" || len(s) > 63 || strings.IndexByte("._-", s[0]) >= 0 {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// text checks a name that people read.
func (c *checker) text(field, s string, limit int) bool {
	ok := s != "" && s == strings.TrimSpace(s) && len(s) <= limit && strings.IndexFunc(s, unicode.IsControl) < 0
	if !ok {
		c.bad(field, found(s), "1 to "+strconv.Itoa(limit)+" bytes of text without control characters and spaces around it")
	}
	return ok
}

func (c *checker) oneOf(field, s string, allowed ...string) {
	for _, a := range allowed {
		if s == a {
			return
		}
	}
	want := "one of " + strings.Join(allowed, ", ")
	if len(allowed) == 1 {
		want = allowed[0]
	} else if name := nearest(s, allowed); name != "" {
		want += "; did you mean " + strconv.Quote(name) + "?"
	}
	c.bad(field, found(s), want)
}
