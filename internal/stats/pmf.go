package stats

import "math"

// maxCount is the largest count that float64 holds exactly, with all smaller ones.
const maxCount = 1 << 53

// tailEps ends the summation of a tail: terms below it no longer change the sum.
const tailEps = 1e-18

// stirlingError is ln(n!) - ln(sqrt(2*pi*n) * (n/e)^n) for a whole n >= 1.
//
// Source: C. Loader, "Fast and accurate computation of binomial
// probabilities", 2000 (the method of R's dbinom).
func stirlingError(n float64) float64 {
	if n <= 15 {
		lg, _ := math.Lgamma(n + 1)
		return lg - (n+0.5)*math.Log(n) + n - 0.5*math.Log(2*math.Pi)
	}
	n2 := n * n
	return (1.0/12 - (1.0/360-(1.0/1260-(1.0/1680-1.0/1188/n2)/n2)/n2)/n2) / n
}

// deviance is x*ln(x/mean) + mean - x without cancellation near x = mean,
// for x > 0 and mean > 0. Source: Loader 2000, bd0.
func deviance(x, mean float64) float64 {
	if math.Abs(x-mean) >= 0.1*(x+mean) {
		return x*math.Log(x/mean) + mean - x
	}
	v := (x - mean) / (x + mean)
	sum := (x - mean) * v
	term := 2 * x * v
	for j := 1.0; ; j++ {
		term *= v * v
		next := sum + term/(2*j+1)
		if next == sum {
			return sum
		}
		sum = next
	}
}

// binomialPMF is P(X = k) for X ~ Binomial(n, np/n), accurate to about 1e-14
// relative. The expected successes np and failures nq are passed instead of
// the probability so that neither loses digits when it is close to 0.
// Source: Loader 2000.
func binomialPMF(k, n, np, nq float64) float64 {
	switch {
	case k < 0 || k > n:
		return 0
	case np == 0:
		return indicator(k == 0)
	case nq == 0:
		return indicator(k == n)
	case k == 0:
		return math.Exp(-deviance(n, nq) - np)
	case k == n:
		return math.Exp(-deviance(n, np) - nq)
	}
	exponent := stirlingError(n) - stirlingError(k) - stirlingError(n-k) -
		deviance(k, np) - deviance(n-k, nq)
	return math.Sqrt(n/(2*math.Pi*k*(n-k))) * math.Exp(exponent)
}

// hypergeometricPMF is P(X = k) successes in draws without replacement from a
// population that holds the given numbers of successes and failures, as a
// ratio of three binomial probabilities. Source: Loader 2000 (R's dhyper).
func hypergeometricPMF(k, draws, successes, failures float64) float64 {
	total := successes + failures
	if k < 0 || k > draws || k > successes || draws-k > failures {
		return 0
	}
	drawn, left := draws/total, (total-draws)/total
	inSuccesses := binomialPMF(k, successes, successes*drawn, successes*left)
	inFailures := binomialPMF(draws-k, failures, failures*drawn, failures*left)
	return inSuccesses * inFailures / binomialPMF(draws, total, draws, total-draws)
}

// binomialUpperTail is P(X >= k) for X ~ Binomial(n, p) with q = 1-p passed
// separately for its digits. The tail away from the mean is summed, from its
// largest term outwards, so a tail of 1e-300 keeps its relative accuracy.
func binomialUpperTail(k, n, p, q float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n:
		return 0
	case p <= 0:
		return 0
	case q <= 0:
		return 1
	}
	if k > n*p {
		return sumTail(binomialPMF(k, n, n*p, n*q), k, 1, func(i float64) float64 {
			return (n - i) * p / ((i + 1) * q)
		})
	}
	return 1 - sumTail(binomialPMF(k-1, n, n*p, n*q), k-1, -1, func(i float64) float64 {
		return i * q / ((n - i + 1) * p)
	})
}

// sumTail adds terms from first, the one at index start, in the direction of
// step. ratio gives the next term over the term at an index; it falls
// monotonically along the walk and reaches 0 at the end of the support.
func sumTail(first, start, step float64, ratio func(index float64) float64) float64 {
	sum, term := first, first
	for i := start; term > tailEps*sum; i += step {
		term *= ratio(i)
		sum += term
	}
	return min(sum, 1)
}

func indicator(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
