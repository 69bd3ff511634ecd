package stats

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"
)

// lawParameters lists the distributions that Law knows and their parameters.
func lawParameters() map[string][]string {
	return map[string][]string{
		"normal": {"mean", "std"}, "lognormal": {"mu", "sigma"}, "uniform": {"min", "max"},
		"exponential": {"mean"}, "gamma": {"shape", "scale"}, "beta": {"alpha", "beta"},
	}
}

// Law is the cumulative distribution function of a distribution by name: normal
// (mean, std), lognormal (mu and sigma of the logarithm), uniform (min, max),
// exponential (mean), gamma (shape, scale) or beta (alpha, beta). All
// parameters are needed, finite, and positive where they are no place.
func Law(name string, parameters map[string]float64) (cdf func(float64) float64, err error) {
	known := lawParameters()
	wanted, ok := known[name]
	if !ok {
		names := make([]string, 0, len(known))
		for n := range known {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("distribution is %q, known are %s", name, strings.Join(names, ", "))
	}
	for _, w := range wanted {
		v, given := parameters[w]
		if !given || len(parameters) != len(wanted) {
			return nil, fmt.Errorf("distribution %s: want the parameters %s", name, strings.Join(wanted, " and "))
		}
		place := w == "min" || w == "max" || w == "mu" || w == "mean" && name == "normal"
		if math.IsNaN(v) || math.IsInf(v, 0) || !place && v <= 0 {
			return nil, fmt.Errorf("distribution %s: %s is %v, want a finite number%s", name, w, v, map[bool]string{false: " above 0"}[place])
		}
	}
	a, b := parameters[wanted[0]], parameters[wanted[len(wanted)-1]]
	switch name {
	case "normal":
		return distuv.Normal{Mu: a, Sigma: b}.CDF, nil
	case "lognormal":
		return distuv.LogNormal{Mu: a, Sigma: b}.CDF, nil
	case "uniform":
		if a >= b {
			return nil, fmt.Errorf("distribution uniform: min %v is not below max %v", a, b)
		}
		return distuv.Uniform{Min: a, Max: b}.CDF, nil
	case "exponential":
		return distuv.Exponential{Rate: 1 / a}.CDF, nil
	case "gamma":
		gamma := distuv.Gamma{Alpha: a, Beta: 1 / b}
		return func(x float64) float64 { return gamma.CDF(max(x, 0)) }, nil
	}
	beta := distuv.Beta{Alpha: a, Beta: b}
	return func(x float64) float64 { return beta.CDF(min(max(x, 0), 1)) }, nil
}
