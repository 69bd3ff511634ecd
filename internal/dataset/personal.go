package dataset

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Limits of looking for personal data in values.
const (
	personalLooked   = 5000 // values that are looked at
	personalEvidence = 20   // that must be seen, but for addresses of mail
	personalShare    = 0.95 // of them that must look so
)

// personalSign is something by which values look personal.
type personalSign struct {
	what  string // said to people
	mask  MaskMode
	looks func(value string) bool
	least int64
}

func personalSigns() []personalSign {
	return []personalSign{
		{"e-mail addresses", MaskHash, regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}$`).MatchString, 1},
		{"IBANs", MaskHash, isIBAN, personalEvidence},
		{"card numbers", MaskHash, isCard, personalEvidence},
		{"phone numbers", MaskHash, isPhone, personalEvidence},
		{"IP addresses", MaskHash, isAddress, personalEvidence},
	}
}

// personalNames says what columns of some names hold.
func personalNames() map[string]personalSign {
	return map[string]personalSign{
		`e-?mail(_?addr(ess)?)?`:                                                                  {what: "e-mail addresses", mask: MaskHash},
		`phone(_?(no|number))?|mobile|telephone_?(no|number)`:                                     {what: "phone numbers", mask: MaskHash},
		`(first|last|full|sur|family|given|middle|maiden)_?name|surname`:                          {what: "names of people", mask: MaskToken},
		`(street_?|postal_?|home_?)?address`:                                                      {what: "addresses", mask: MaskDrop},
		`birth_?(day|date)|date_?of_?birth|dob|born`:                                              {what: "dates of birth", mask: MaskTruncate},
		`ssn|social_?security(_?(no|number))?|passport(_?(no|number))?|tax_?id|national_?id`:      {what: "numbers of people", mask: MaskHash},
		`iban|credit_?card(_?(no|number))?|card_?(no|number)|account_?(no|number)|ip_?addr(ess)?`: {what: "numbers of accounts or connections", mask: MaskHash},
	}
}

// personalGuess counts values that look personal.
type personalGuess struct {
	signs  []personalSign
	looked int64
	hits   []int64
}

func newPersonalGuess() *personalGuess {
	signs := personalSigns()
	return &personalGuess{signs: signs, hits: make([]int64, len(signs))}
}

// observe looks at the values of a batch of text or of integers.
func (g *personalGuess) observe(v *vector) {
	for i := 0; i < v.n && g.looked < personalLooked; i++ {
		if !v.usable(i) {
			continue
		}
		g.looked++
		var text string
		switch {
		case v.kind.textual():
			text = string(v.bytesAt(i))
		case !v.kind.Numeric() || v.nums[i] < 1e12: // fewer digits than any card number
			continue
		case v.kind == Integer:
			text = strconv.FormatInt(v.ints[i], 10)
		default:
			text = strconv.FormatFloat(v.nums[i], 'f', -1, 64)
		}
		for k := range g.signs {
			if g.signs[k].looks(text) {
				g.hits[k]++
			}
		}
	}
}

// sign is what the values look like.
func (g *personalGuess) sign() (personalSign, bool) {
	for k, hits := range g.hits {
		if s := g.signs[k]; g.looked >= s.least && hits > 0 && float64(hits) >= personalShare*float64(g.looked) {
			return s, true
		}
	}
	return personalSign{}, false
}

// looksPersonal tells by its values, then by its name, that a column holds
// personal data, and how that might leave the store.
func (c *columnState) looksPersonal() (personalSign, bool) {
	if c.guess != nil && c.guess.personal != nil {
		if s, ok := c.guess.personal.sign(); ok {
			return s, true
		}
	}
	for pattern, s := range personalNames() {
		if regexp.MustCompile(`(?i)(^|[_. -])(` + pattern + `)($|[_. -])`).MatchString(c.name) {
			return s, true
		}
	}
	return personalSign{}, false
}

// isIBAN checks the form and the check digits (ISO 13616, ISO 7064 mod 97-10).
func isIBAN(s string) bool {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	if len(s) < 15 || len(s) > 34 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' {
		return false
	}
	rest := 0
	for _, c := range []byte(s[4:] + s[:4]) {
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}

// isCard checks the length and the check digit (ISO/IEC 7812, H. P. Luhn's formula).
func isCard(s string) bool {
	s = strings.NewReplacer(" ", "", "-", "").Replace(s)
	if len(s) < 13 || len(s) > 19 || s[0] == '0' {
		return false
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// isPhone wants a country code, an area code, or groups of digits that are no date.
func isPhone(s string) bool {
	digits, groups := 0, 0
	for i, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '+' && i == 0, c == ' ':
		case c == '(' || c == ')' || c == '-':
			groups++
		default:
			return false
		}
	}
	if digits < 7 || digits > 15 || regexp.MustCompile(`^[0-9]{1,4}[- ][0-9]{1,2}[- ][0-9]{1,4}$`).MatchString(s) {
		return false
	}
	return s[0] == '+' || s[0] == '(' || groups > 1 || s[0] == '0' && (groups > 0 || strings.Contains(s, " "))
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil && strings.ContainsAny(s, ".:")
}
