package dataset

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// guessRows is how many rows are looked at to tell what text means; the rest is held against that.
const guessRows = 50000

// textGuess follows what the text of a column may mean.
type textGuess struct {
	whole     bool // every number is written as an integer
	some      bool
	ambiguous bool // dates whose day and month can't be told apart
	fraction  bool // a date has a time of day

	shapes   *shapes        // of text, where Infer asks
	personal *personalGuess // where Infer asks
}

// observe looks at the values that were read as numbers or dates.
func (g *textGuess) observe(v *vector) {
	if g.shapes != nil && v.kind.textual() {
		g.shapes.observe(v)
	}
	if g.personal != nil {
		g.personal.observe(v)
	}
	for i := range v.n {
		if !v.usable(i) {
			continue
		}
		g.some = true
		switch {
		case v.kind == Number && g.whole && v.written():
			_, g.whole = parseIntegerBytes(v.bytesAt(i))
		case v.kind.temporal() && v.ints[i]%86400e6 != 0:
			g.fraction = true
		}
	}
}

// newGuessing prepares a pass without checks. Columns that opts.Schema does not
// name mean what they look like.
func newGuessing(ctx context.Context, src Source, opts ProfileOptions) (*scan, error) {
	ahead := &replay{Source: src}
	if err := ahead.fill(ctx); err != nil {
		return nil, err
	}
	s := &scan{src: ahead, workers: opts.Workers, progress: opts.Progress}
	fields := src.Schema().Fields()
	for i, f := range fields {
		m := meaning{kind: storedKind(f.Type)}
		personal, known := false, false
		if opts.Schema != nil {
			var rule *Rule
			if rule, known = opts.Schema.rule(f.Name); known {
				m, personal = opts.Schema.meaning(rule), rule.Personal
			}
		}
		var guess *textGuess
		if !known {
			m.nan = NaNIsNull
			guess = &textGuess{}
			if isText(f.Type) {
				m, *guess = guessText(ahead.batches, i)
			}
		}
		c := newColumnState(i, f, m, len(fields))
		c.personal, c.guess = personal, guess
		s.columns = append(s.columns, c)
	}
	if _, ok := unwrapped(src).(columnSource); ok { // it is read by column, from the beginning
		ahead.release()
		s.src = src
	}
	return s, nil
}

// replay gives the first batches of a source a second time.
type replay struct {
	Source
	batches []arrow.RecordBatch
	numbers []lineNumbers
	at      int
	last    lineNumbers
}

func (r *replay) fill(ctx context.Context) error {
	for rows := int64(0); rows < guessRows; {
		batch, err := r.Source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			r.release()
			return err
		}
		rows += batch.NumRows()
		r.batches, r.numbers = append(r.batches, batch), append(r.numbers, linesOf(r.Source))
	}
	return nil
}

func (r *replay) release() {
	for _, b := range r.batches {
		b.Release()
	}
	r.batches = nil
}

func (r *replay) lines() lineNumbers { return r.last }

func (r *replay) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if r.at == len(r.batches) {
		batch, err := r.Source.Next(ctx)
		r.last = linesOf(r.Source)
		return batch, err
	}
	batch := r.batches[r.at]
	r.last, r.batches[r.at] = r.numbers[r.at], nil
	r.at++
	return batch, nil
}

// candidate is something that text may mean.
type candidate struct {
	m    meaning
	fits bool
}

// guessText tells what a column of text means by its first rows.
func guessText(batches []arrow.RecordBatch, column int) (meaning, textGuess) {
	isNull := map[string]bool{}
	for _, w := range nullWords() {
		isNull[w] = true
	}
	candidates := []candidate{{meaning{kind: Number}, true}, {meaning{kind: Number, comma: true}, true}, {meaning{kind: Boolean}, true}, {meaning{kind: Datetime}, true}}
	dates := newDateGuess()
	nulls := map[string]bool{}
	some := false
	eachWord(batches, column, func(w string) bool {
		if isNull[w] {
			nulls[w] = true
			return true
		}
		some = true
		alive := false
		for i := range candidates {
			c := &candidates[i]
			if c.fits {
				c.fits = c.takes(w, dates)
			}
			alive = alive || c.fits
		}
		return alive
	})
	plain := meaning{kind: String}
	if !some {
		return plain, textGuess{}
	}
	for _, c := range candidates {
		if !c.fits {
			continue
		}
		c.m.nulls = nulls
		g := textGuess{whole: c.m.kind == Number && !c.m.comma}
		if c.m.kind == Datetime {
			if c.m.formats, g.ambiguous = dates.formats(); g.ambiguous {
				return plain, g
			}
		}
		return c.m, g
	}
	return plain, textGuess{}
}

// takes tells whether a word may be a value of the candidate.
func (c *candidate) takes(w string, dates *dateGuess) bool {
	switch {
	case c.m.comma:
		_, ok := parseCommaNumber(w)
		return ok && !padded(w)
	case c.m.kind == Number:
		_, ok := parseNumber(w)
		return ok && !padded(w)
	case c.m.kind == Boolean:
		_, ok := parseBoolean(w)
		return ok
	}
	return dates.takes(w)
}

// padded tells that a number starts with a zero that means nothing: such as 01234, which is a code, not a quantity.
func padded(w string) bool {
	w = strings.TrimLeft(w, "-")
	return strings.HasPrefix(w, "+") || len(w) > 1 && w[0] == '0' && w[1] >= '0' && w[1] <= '9'
}

// eachWord calls visit with the texts of a column until it says to stop.
func eachWord(batches []arrow.RecordBatch, column int, visit func(w string) bool) {
	for _, b := range batches {
		words, ok := b.Column(column).(*array.String)
		if !ok {
			return
		}
		for i := range words.Len() {
			if w := words.Value(i); words.IsValid(i) && w != "" && !visit(w) {
				return
			}
		}
	}
}

// dateGuess finds out how dates are written.
type dateGuess struct {
	known []dateFormat
	hits  []int
	// onlyDay and onlyMonth count dates that can only be read with the day, or the month, first.
	onlyDay, onlyMonth int
}

// dateNotations are the ways of writing dates that Infer knows beside ISO 8601.
func dateNotations() []string {
	var out []string
	for _, day := range []string{"%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%Y", "%m-%d-%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y"} {
		out = append(out, day, day+" %H:%M:%S", day+" %H:%M")
	}
	return out
}

func newDateGuess() *dateGuess {
	known, err := dateFormats(append([]string{isoFormat}, dateNotations()...))
	if err != nil {
		return &dateGuess{}
	}
	return &dateGuess{known: known, hits: make([]int, len(known))}
}

func (g *dateGuess) takes(w string) bool {
	if len(w) < 8 || len(w) > 40 {
		return false
	}
	day, month, other := false, false, false
	for i := range g.known {
		if _, ok := parseDate(g.known[i:i+1], w); !ok {
			continue
		}
		g.hits[i]++
		switch name := g.known[i].name; {
		case strings.HasPrefix(name, "%d/") || strings.HasPrefix(name, "%d-"):
			day = true
		case strings.HasPrefix(name, "%m"):
			month = true
		default:
			other = true
		}
	}
	if day && !month {
		g.onlyDay++
	}
	if month && !day {
		g.onlyMonth++
	}
	return day || month || other
}

// formats are those that dates were seen in. ambiguous says that day and month can't be told apart.
func (g *dateGuess) formats() (out []dateFormat, ambiguous bool) {
	slashed := 0
	for i, f := range g.known {
		monthFirst := strings.HasPrefix(f.name, "%m")
		dayFirst := strings.HasPrefix(f.name, "%d/") || strings.HasPrefix(f.name, "%d-")
		if monthFirst || dayFirst {
			slashed += g.hits[i]
		}
		if g.hits[i] > 0 && !(monthFirst && g.onlyMonth == 0) && !(dayFirst && g.onlyDay == 0) {
			out = append(out, f)
		}
	}
	if slashed > 0 && (g.onlyDay > 0) == (g.onlyMonth > 0) {
		return nil, true
	}
	return slices.Clip(out), false
}
