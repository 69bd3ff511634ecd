package stats

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// kolmogorovSurvival is P(D_n >= d) for the one-sample two-sided
// Kolmogorov-Smirnov statistic of n values, n whole and >= 1.
//
// The choice of method follows R. Simard and P. L'Ecuyer, "Computing the
// two-sided Kolmogorov-Smirnov distribution", Journal of Statistical Software
// 39 (2011), with the regions of SciPy's kstwo. Where SciPy uses Pomeranz'
// recursion, the Durbin matrix gives the same exact value.
func kolmogorovSurvival(n, d float64) float64 {
	nd := n * d
	nd2 := nd * d
	switch {
	case d >= 1 || nd2 >= 370: // the tail is below the smallest float64
		return 0
	case nd <= 0.5:
		return 1
	case nd <= 1: // Ruben and Gambino: n! ((2nd-1)/n)^n
		lg, _ := math.Lgamma(n + 1)
		return -math.Expm1(lg + n*math.Log((2*nd-1)/n))
	case nd >= n-1:
		return 2 * math.Pow(1-d, n)
	case d >= 0.5 || nd2 > 4 || (n > 140 && nd2 >= 2.2): // both one-sided events at once are negligible
		return 2 * smirnovSurvival(n, d)
	case n <= 140 || (n <= 100000 && nd*math.Sqrt(d) <= 1.4):
		return 1 - kolmogorovDurbin(int(n), d)
	default:
		return 1 - kolmogorovPelzGood(n, d)
	}
}

// smirnovSurvival is P(D+_n >= d), the one-sided distribution of Z. W.
// Birnbaum and F. H. Tingey, Annals of Mathematical Statistics 22 (1951):
// d * sum_j binom(n,j) (d+j/n)^(j-1) (1-d-j/n)^(n-j). Each term is a binomial
// probability at success rate d+j/n, all are positive, nothing cancels.
func smirnovSurvival(n, d float64) float64 {
	sum := 0.0
	shift := n * d
	for j := 0.0; j <= n-shift; j++ {
		np := shift + j
		sum += binomialPMF(j, n, np, n-np) * shift / np
	}
	return min(sum, 1)
}

// kolmogorovDurbin is P(D_n < d), exact, by powers of Durbin's matrix:
// G. Marsaglia, W. W. Tsang, J. Wang, "Evaluating Kolmogorov's distribution",
// Journal of Statistical Software 8 (2003).
func kolmogorovDurbin(n int, d float64) float64 {
	nd := float64(n) * d
	k := int(math.Ceil(nd))
	h := float64(k) - nd
	size := 2*k - 1
	matrix := durbinMatrix(size, h)
	// The entries reach n^n/n!, so both factors carry a binary exponent.
	power, powerExp, matrixExp := identity(size), 0, 0
	for left := n; left > 0; left /= 2 {
		if left%2 == 1 {
			power = product(power, matrix)
			powerExp += matrixExp
			powerExp += normalize(power)
		}
		matrix = product(matrix, matrix)
		matrixExp *= 2
		matrixExp += normalize(matrix)
	}
	p := power.At(k-1, k-1)
	for i := 1; i <= n; i++ {
		var shift int
		p, shift = math.Frexp(p * float64(i) / float64(n))
		powerExp += shift
	}
	return math.Ldexp(p, powerExp)
}

// durbinMatrix is H of Marsaglia, Tsang and Wang: 1/(i-j+1)! on and below the
// first superdiagonal, corrected by h in the first column and last row.
func durbinMatrix(size int, h float64) *mat.Dense {
	inverse := make([]float64, size+1) // inverse[i] = 1/i!
	inverse[0] = 1
	for i := 1; i <= size; i++ {
		inverse[i] = inverse[i-1] / float64(i)
	}
	m := mat.NewDense(size, size, nil)
	for i := range size {
		for j := 0; j <= min(i+1, size-1); j++ {
			m.Set(i, j, inverse[i-j+1])
		}
	}
	for i := range size - 1 {
		edge := (1 - math.Pow(h, float64(i+1))) * inverse[i+1]
		m.Set(i, 0, edge)
		m.Set(size-1, size-1-i, edge)
	}
	corner := 1 - 2*math.Pow(h, float64(size)) + math.Pow(max(2*h-1, 0), float64(size))
	m.Set(size-1, 0, corner*inverse[size])
	return m
}

func identity(size int) *mat.Dense {
	m := mat.NewDense(size, size, nil)
	for i := range size {
		m.Set(i, i, 1)
	}
	return m
}

func product(a, b *mat.Dense) *mat.Dense {
	var c mat.Dense
	c.Mul(a, b)
	return &c
}

// normalize divides m by the power of two that brings its largest entry to
// about 1 and returns the exponent. All entries are non-negative.
func normalize(m *mat.Dense) int {
	_, exp := math.Frexp(mat.Max(m))
	m.Scale(math.Ldexp(1, -exp), m)
	return exp
}

// kolmogorovPelzGood is the expansion K0(z) + K1(z)/n^(1/2) + K2(z)/n +
// K3(z)/n^(3/2), z = d*sqrt(n), of P(D_n < d): W. Pelz and I. J. Good, Journal
// of the Royal Statistical Society B 38 (1976), in the form of Simard and
// L'Ecuyer 2011, section 2.5.
func kolmogorovPelzGood(n, d float64) float64 {
	const pi2 = math.Pi * math.Pi
	z2 := n * d * d
	z := math.Sqrt(z2)
	z4, z6, z8 := z2*z2, z2*z2*z2, z2*z2*z2*z2
	var k0, k1, k2, k3 float64
	for k := int(math.Ceil(16*z/math.Pi)) + 1; k >= 0; k-- { // smallest terms first
		a := pi2 * (float64(k) + 0.5) * (float64(k) + 0.5)
		e := math.Exp(-a / (2 * z2))
		k0 += e
		k1 += e * (a - z2)
		k2 += e * (6*z6 + 2*z4 + (2*z4-5*z2)*a + (1-2*z2)*a*a)
		k3 += e * (-30*z6 - 90*z8 + (135*z4-96*z6)*a + (212*z4-60*z2)*a*a + (5-30*z2)*a*a*a)
	}
	// Both sums run over all integers; the halves k < 0 mirror the others,
	// which doubles sqrt(pi/2) to sqrt(2*pi).
	k2 /= 72 * z6 * z
	k3 /= 6480 * z6 * z4
	for k := int(math.Ceil(16*z/math.Pi)) + 1; k >= 1; k-- {
		b := pi2 * float64(k) * float64(k)
		e := math.Exp(-b / (2 * z2))
		k2 -= e * b / (36 * z2 * z)
		k3 += e * (3*b*z2 - b*b) / (216 * z6)
	}
	root := math.Sqrt(n)
	sum := k0/z + k1/(6*z4)/root + k2/n + k3/(n*root)
	return min(max(math.Sqrt(2*math.Pi)*sum, 0), 1)
}
