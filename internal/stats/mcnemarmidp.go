package stats

// McNemarGreaterMidP is McNemarGreater with half the probability of the
// outcome itself: closer to its nominal level on average, no longer an upper
// bound of the error.
//
// Source: M. W. Fagerland, S. Lydersen and P. Laake, BMC Medical Research Methodology 13:91 (2013).
func McNemarGreaterMidP(b, c int64) (float64, error) {
	tail, err := McNemarGreater(b, c)
	if err != nil {
		return 0, err
	}
	beyond := 0.0
	if c > 0 {
		beyond = binomialUpperTail(float64(b+1), float64(b+c), 0.5, 0.5)
	}
	return (tail + beyond) / 2, nil
}
