package mlflow

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// comparison is one condition of a search filter: [kind.]key operator value.
type comparison struct {
	Kind string // what stands before the first dot, lower case; empty: nothing does
	Key  string
	Op   string // =, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL, IS NOT NULL
	// Value of a comparison with a text or a number; List of IN and NOT IN.
	Value literal
	List  []string
}

// literal is a value in a filter.
type literal struct {
	Text   string
	Number float64
	// Quoted tells a text from a number.
	Quoted bool
}

const (
	// maxConditions bounds a filter: each may be one more table to join.
	maxConditions = 40
	maxOrderKeys  = 10
)

// parseFilter reads a filter: conditions that are joined by AND.
func parseFilter(text string) ([]comparison, error) {
	l := &lexer{text: text}
	var out []comparison
	if l.end() {
		return nil, nil
	}
	for {
		c, err := l.comparison()
		if err != nil {
			return nil, err
		}
		if out = append(out, c); len(out) > maxConditions {
			return nil, fail(InvalidParameterValue, "Invalid filter: more than %d conditions", maxConditions)
		}
		if l.end() {
			return out, nil
		}
		if !l.word("AND") {
			return nil, l.bad("want AND or the end")
		}
	}
}

// orderKey is one key of an order: [kind.]key [ASC|DESC].
type orderKey struct {
	Kind, Key string
	Desc      bool
}

func parseOrder(text string) (orderKey, error) {
	l := &lexer{text: text}
	var (
		key orderKey
		err error
	)
	if key.Kind, key.Key, err = l.identifier(); err != nil {
		return orderKey{}, fail(InvalidParameterValue, "Invalid order_by clause '%s': %s", clip(text), asError(err).Message)
	}
	key.Desc = l.word("DESC")
	if !key.Desc {
		l.word("ASC")
	}
	if !l.end() {
		return orderKey{}, fail(InvalidParameterValue, "Invalid order_by clause '%s': want a column and ASC or DESC", clip(text))
	}
	return key, nil
}

// lexer reads a filter from the left.
type lexer struct {
	text string
	at   int
}

func (l *lexer) bad(why string) error {
	return fail(InvalidParameterValue, "Invalid filter '%s' at character %d: %s", clip(l.text), l.at+1, why)
}

func (l *lexer) space() {
	l.at = len(l.text) - len(strings.TrimLeftFunc(l.text[l.at:], unicode.IsSpace))
}

func (l *lexer) end() bool {
	l.space()
	return l.at == len(l.text)
}

// sign takes one of the texts, if it comes next.
func (l *lexer) sign(texts ...string) string {
	l.space()
	for _, text := range texts {
		if strings.HasPrefix(l.text[l.at:], text) {
			l.at += len(text)
			return text
		}
	}
	return ""
}

// word takes a word in any case, if it comes next and ends there.
func (l *lexer) word(word string) bool {
	l.space()
	rest := l.text[l.at:]
	if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
		return false
	}
	if len(rest) > len(word) && inName(rune(rest[len(word)])) {
		return false
	}
	l.at += len(word)
	return true
}

func inName(r rune) bool {
	return r == '_' || r == '-' || r == '/' || r == ':' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// quoted takes a text in quotes, in which a doubled quote is one.
func (l *lexer) quoted(quotes string) (string, bool, error) {
	l.space()
	if l.at == len(l.text) || !strings.ContainsRune(quotes, rune(l.text[l.at])) {
		return "", false, nil
	}
	quote := l.text[l.at]
	var out strings.Builder
	for i := l.at + 1; i < len(l.text); i++ {
		switch {
		case l.text[i] != quote:
			out.WriteByte(l.text[i])
		case i+1 < len(l.text) && l.text[i+1] == quote:
			out.WriteByte(quote)
			i++
		default:
			l.at = i + 1
			return out.String(), true, nil
		}
	}
	return "", false, l.bad("the quote is not closed")
}

// name takes letters, digits and what else is in names.
func (l *lexer) name() string {
	l.space()
	start := l.at
	for l.at < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.at:])
		if !inName(r) {
			break
		}
		l.at += size
	}
	return l.text[start:l.at]
}

// identifier takes a key with what stands before its first dot. Keys may be in
// double quotes or backticks, whole or after the dot.
func (l *lexer) identifier() (kind, key string, err error) {
	if whole, ok, err := l.quoted("`\""); err != nil || ok {
		return "", whole, err
	}
	name := l.name()
	if name == "" {
		return "", "", l.bad("want the name of a column")
	}
	kind, key, dotted := strings.Cut(name, ".")
	if !dotted {
		return "", name, nil
	}
	if key == "" {
		var ok bool
		if key, ok, err = l.quoted("`\""); err != nil {
			return "", "", err
		} else if !ok {
			return "", "", l.bad("want a key after the dot")
		}
	}
	return strings.ToLower(kind), key, nil
}

func (l *lexer) comparison() (comparison, error) {
	var (
		c   comparison
		err error
	)
	if c.Kind, c.Key, err = l.identifier(); err != nil {
		return c, err
	}
	switch {
	case l.word("IS"):
		c.Op = "IS NULL"
		if l.word("NOT") {
			c.Op = "IS NOT NULL"
		}
		if !l.word("NULL") {
			return c, l.bad("want NULL or NOT NULL")
		}
		return c, nil
	case l.word("IN"):
		c.Op = "IN"
	case l.word("NOT"):
		if !l.word("IN") {
			return c, l.bad("want IN after NOT")
		}
		c.Op = "NOT IN"
	case l.word("LIKE"):
		c.Op = "LIKE"
	case l.word("ILIKE"):
		c.Op = "ILIKE"
	default:
		if c.Op = l.sign("!=", ">=", "<=", "=", ">", "<"); c.Op == "" {
			return c, l.bad("want a comparison operator")
		}
	}
	if c.Op == "IN" || c.Op == "NOT IN" {
		c.List, err = l.list()
	} else {
		c.Value, err = l.value()
	}
	return c, err
}

func (l *lexer) value() (literal, error) {
	if text, ok, err := l.quoted("'\""); err != nil || ok {
		return literal{Text: text, Quoted: true}, err
	}
	start := l.at
	_, _ = l.sign("-", "+"), l.name()
	if l.at < len(l.text) && l.text[l.at] == '+' { // of an exponent
		l.at++
		l.name()
	}
	text := l.text[start:l.at]
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return literal{}, l.bad("want a number, or a string in quotes")
	}
	return literal{Text: text, Number: number}, nil
}

func (l *lexer) list() ([]string, error) {
	if l.sign("(") == "" {
		return nil, l.bad("want a list in parentheses")
	}
	var out []string
	for {
		text, ok, err := l.quoted("'\"")
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, l.bad("want a string in quotes")
		}
		if out = append(out, text); len(out) > 1000 {
			return nil, l.bad("the list has more than 1000 entries")
		}
		if l.sign(")") != "" {
			return out, nil
		}
		if l.sign(",") == "" {
			return nil, l.bad("want a comma or a closing parenthesis")
		}
		if l.sign(")") != "" { // Python's tuple of one
			return out, nil
		}
	}
}
