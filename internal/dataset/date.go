package dataset

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dateFormat is one way of writing dates: ISO 8601, or a layout of package time.
type dateFormat struct {
	name   string       // as the schema writes it
	layout string       // empty for ISO 8601
	many   []dateFormat // of any: all notations
}

// isoFormat stands for ISO 8601 in a schema.
const isoFormat = "iso"

// dateFormats compiles the formats of a schema; none means ISO 8601.
func dateFormats(names []string) ([]dateFormat, error) {
	if len(names) == 0 {
		names = []string{isoFormat}
	}
	out := make([]dateFormat, 0, len(names))
	for _, name := range names {
		if name == isoFormat {
			out = append(out, dateFormat{name: name})
			continue
		}
		if name == anyFormat {
			many, err := dateFormats(append(dateNotations(), wordyNotations()...))
			if err != nil {
				return nil, err
			}
			out = append(out, dateFormat{name: name, many: append(many, dateFormat{name: isoFormat})})
			continue
		}
		layout, err := layoutOf(name)
		if err != nil {
			return nil, fmt.Errorf("formats: %q: %w", name, err)
		}
		out = append(out, dateFormat{name: name, layout: layout})
	}
	return out, nil
}

// layoutOf turns a format of strftime into a layout of package time.
func layoutOf(format string) (string, error) {
	parts := map[byte]string{
		'Y': "2006", 'y': "06", 'm': "1", 'd': "2", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'f': "000000",
		'p': "PM", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'z': "-0700", 'Z': "MST", 'j': "002",
		'e': "_2", 'F': "2006-01-02", 'T': "15:04:05", '%': "%",
	}
	var out strings.Builder
	year := false
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' {
			if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' && c != 'T' && c != 'Z' {
				return "", fmt.Errorf("%q stands outside a %% code; write dates as strftime does, such as %%d.%%m.%%Y", string(c))
			}
			out.WriteByte(c)
			continue
		}
		if i++; i == len(format) {
			return "", errors.New("a % stands at the end")
		}
		part, ok := parts[format[i]]
		if !ok {
			return "", fmt.Errorf("%%%c is not known; known are %%Y %%y %%m %%d %%e %%j %%b %%B %%a %%A %%H %%I %%p %%M %%S %%f %%z %%Z %%F %%T", format[i])
		}
		year = year || format[i] == 'Y' || format[i] == 'y' || format[i] == 'F'
		out.WriteString(part)
	}
	if !year {
		return "", errors.New("the year is missing; a date needs %Y or %y")
	}
	return out.String(), nil
}

// parseDate reads a date in the first format that fits, as microseconds since
// 1970 in UTC; a date without a zone is taken as UTC.
func parseDate(formats []dateFormat, s string) (int64, bool) {
	for i := range formats {
		if formats[i].many != nil {
			if v, ok := parseAnyDate(formats[i].many, s); ok {
				return v, true
			}
			continue
		}
		if formats[i].layout == "" {
			if v, ok := parseISO(s); ok {
				return v, true
			}
			continue
		}
		if t, err := time.Parse(formats[i].layout, s); err == nil {
			return t.UnixMicro(), true
		}
	}
	return 0, false
}

// parseISO reads 2026-01-31, and the same with T or a space, a time and an
// optional fraction and zone (RFC 3339).
func parseISO(s string) (int64, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year, okY := digits(s[0:4])
	month, okM := digits(s[5:7])
	day, okD := digits(s[8:10])
	if !okY || !okM || !okD || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	micros := daysSince1970(year, month, day) * 86400e6
	if len(s) == 10 {
		return micros, true
	}
	clock, ok := parseClock(s[10:])
	return micros + clock, ok
}

// parseClock reads T12:34, T12:34:56.789 and a zone as microseconds in the day, UTC.
func parseClock(s string) (int64, bool) {
	if len(s) < 6 || s[0] != 'T' && s[0] != 't' && s[0] != ' ' || s[3] != ':' {
		return 0, false
	}
	hour, okH := digits(s[1:3])
	minute, okM := digits(s[4:6])
	if !okH || !okM || hour > 23 || minute > 59 {
		return 0, false
	}
	micros := (hour*60 + minute) * 60e6
	s = s[6:]
	if len(s) >= 3 && s[0] == ':' {
		second, ok := digits(s[1:3])
		if !ok || second > 59 {
			return 0, false
		}
		micros += second * 1e6
		if s = s[3:]; len(s) > 1 && s[0] == '.' {
			n := 1
			for scale := int64(100000); n < len(s) && s[n] >= '0' && s[n] <= '9'; n++ {
				micros += int64(s[n]-'0') * scale
				scale /= 10
			}
			if n == 1 {
				return 0, false
			}
			s = s[n:]
		}
	}
	return zone(micros, s)
}

// zone takes off Z, +01:00 or +0100.
func zone(micros int64, s string) (int64, bool) {
	switch {
	case s == "" || s == "Z" || s == "z":
		return micros, true
	case s[0] != '+' && s[0] != '-':
		return 0, false
	}
	clock := strings.Replace(s[1:], ":", "", 1)
	if len(clock) == 2 {
		clock += "00"
	}
	if len(clock) != 4 {
		return 0, false
	}
	hours, okH := digits(clock[:2])
	minutes, okM := digits(clock[2:])
	if !okH || !okM || hours > 23 || minutes > 59 {
		return 0, false
	}
	offset := (hours*60 + minutes) * 60e6
	if s[0] == '+' {
		offset = -offset
	}
	return micros + offset, true
}

func digits(s string) (int64, bool) {
	v := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		v = v*10 + int64(s[i]-'0')
	}
	return v, true
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts the days of the proleptic Gregorian calendar
// (Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	ofEra := year - era*400
	ofYear := (153*((month+9)%12)+2)/5 + day - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}

// formatMicros writes a moment in ISO 8601; without the time of day where that is midnight.
func formatMicros(v int64) string {
	t := time.UnixMicro(v).UTC()
	if v%86400e6 == 0 {
		return t.Format("2006-01-02")
	}
	return t.Format("2006-01-02T15:04:05.999999Z")
}

// parseAge reads a length of time: a number and s, m, h, d or w.
func parseAge(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if s != "" {
		if unit, ok := units[s[len(s)-1]]; ok {
			if v, err := strconv.ParseFloat(s[:len(s)-1], 64); err == nil && v > 0 && v*float64(unit) < float64(1<<62) {
				return time.Duration(v * float64(unit)), nil
			}
		}
	}
	return 0, fmt.Errorf("%q is no length of time; write a number and s, m, h, d or w, such as 36h or 7d", s)
}
