package dataset

// anyFormat stands for every notation of dates that can be told apart.
const anyFormat = "any"

// wordyNotations are notations of dates beside those that Infer looks for.
func wordyNotations() []string {
	return []string{"%d %B %Y", "%B %d, %Y", "%d-%b-%Y", "%Y%m%d", "%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %Z", "%a %b %d %H:%M:%S %Y"}
}

// parseAnyDate reads a date in whatever notation. A date that two notations read
// as different moments, such as 02/03/2026, is refused: nobody can tell what it means.
func parseAnyDate(notations []dateFormat, s string) (at int64, ok bool) {
	for i := range notations {
		v, reads := parseDate(notations[i:i+1], s)
		switch {
		case !reads:
		case ok && v != at:
			return 0, false
		default:
			at, ok = v, true
		}
	}
	return at, ok
}
