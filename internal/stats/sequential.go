package stats

// AlphaSpend is the level at which to test at the given look (1 for the
// first), so that the levels of all looks, however many, sum to alpha:
// alpha/(look*(look+1)), a telescoping series.
//
// By the union bound the chance of any false alarm is at most alpha at every
// stopping time, whatever the looks have in common, and the number of looks
// need not be known beforehand. Alarm when p <= AlphaSpend(alpha, look) and
// that level is positive. The union bound is the simplest case of the
// spending functions of K. K. G. Lan and D. L. DeMets, Biometrika 70 (1983).
//
// A look below 1 or an alpha outside (0, 1) gets level 0: nothing to spend.
func AlphaSpend(alpha float64, look int) float64 {
	if look < 1 || checkAlpha(alpha) != nil {
		return 0
	}
	k := float64(look)
	return alpha / (k * (k + 1))
}
