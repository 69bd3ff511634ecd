package stats

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// FitLogistic fits the probabilities of classes 0 to classes-1, the places in
// y, by logistic regression with a penalty on the squared weights; intercepts
// are not penalised. Of two classes it has one score, the log odds of the
// second; of more, one for each, whose softmax are the probabilities (see Probabilities).
//
// It minimises the sum of the rows' log losses + penalty/2·|w|², as
// scikit-learn's LogisticRegression with C = 1/penalty, by L-BFGS from 0, in
// at most so many iterations: fewer leave it short of the minimum, which is no error.
//
// Source: D. C. Liu and J. Nocedal, Mathematical Programming 45 (1989).
func FitLogistic(x *mat.Dense, y []int, classes int, penalty float64, iterations int) (*Linear, error) {
	rows, columns := x.Dims()
	if rows != len(y) || classes < 2 || penalty <= 0 || iterations < 1 {
		return nil, fmt.Errorf("logistic regression: %d rows, %d labels, %d classes, penalty %v, %d iterations", rows, len(y), classes, penalty, iterations)
	}
	for i, class := range y {
		if class < 0 || class >= classes {
			return nil, fmt.Errorf("logistic regression: row %d: class %d is none of %d", i, class, classes)
		}
	}
	f := &logistic{x: x, y: y, classes: classes, penalty: penalty, scores: classes}
	if classes == 2 {
		f.scores = 1
	}
	f.out, f.gradient = mat.NewDense(rows, f.scores, nil), make([]float64, f.scores*(columns+1))
	problem := optimize.Problem{
		Func: func(w []float64) float64 { return f.at(w) },
		Grad: func(to, w []float64) { f.at(w); copy(to, f.gradient) },
	}
	settings := &optimize.Settings{GradientThreshold: 1e-8, MajorIterations: iterations, Converger: optimize.NeverTerminate{}}
	// A line search that can improve nothing more ends with an error and the best weights found.
	found, err := optimize.Minimize(problem, make([]float64, len(f.gradient)), settings, &optimize.LBFGS{})
	if found == nil {
		return nil, fmt.Errorf("logistic regression: %w", err)
	}
	out := &Linear{}
	for k := range f.scores {
		weights := found.X[k*(columns+1) : (k+1)*(columns+1)]
		out.Intercepts, out.Weights = append(out.Intercepts, weights[columns]), append(out.Weights, slices.Clone(weights[:columns]))
	}
	if err := out.check(); err != nil {
		return nil, err
	}
	return out, nil
}

// Probabilities of the classes, from the scores of FitLogistic.
func Probabilities(scores []float64) []float64 {
	if len(scores) == 1 {
		scores = []float64{0, scores[0]}
	}
	top, sum := slices.Max(scores), 0.0
	out := make([]float64, len(scores))
	for k, s := range scores {
		out[k] = math.Exp(s - top)
		sum += out[k]
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

// logistic is the loss over the rows, divided by their number, at the last point asked for.
type logistic struct {
	x               *mat.Dense
	y               []int
	classes, scores int
	penalty         float64

	out      *mat.Dense // rows x scores: the scores, then their derivatives
	point    []float64  // weights by score, each with its intercept last
	loss     float64
	gradient []float64
}

func (f *logistic) at(point []float64) float64 {
	if slices.Equal(point, f.point) {
		return f.loss
	}
	f.point = append(f.point[:0], point...)
	rows, columns := f.x.Dims()
	n := float64(rows)
	all := mat.NewDense(f.scores, columns+1, f.point)
	weights := all.Slice(0, f.scores, 0, columns)
	f.out.Mul(f.x, weights.T())
	f.loss = 0
	for i := range rows {
		scores := f.out.RawRowView(i)
		for k := range scores {
			scores[k] += all.At(k, columns)
		}
		f.loss += f.derive(scores, f.y[i]) / n
	}
	to := mat.NewDense(f.scores, columns+1, f.gradient)
	to.Slice(0, f.scores, 0, columns).(*mat.Dense).Mul(f.out.T(), f.x)
	for k := range f.scores {
		row, w := to.RawRowView(k), all.RawRowView(k)
		row[columns] = 0
		for i := range rows {
			row[columns] += f.out.At(i, k) / n
		}
		for j := range columns {
			row[j] = (row[j] + f.penalty*w[j]) / n
			f.loss += f.penalty * w[j] * w[j] / 2 / n
		}
	}
	return f.loss
}

// derive turns a row's scores into the derivatives of its log loss, which it returns.
func (f *logistic) derive(scores []float64, class int) float64 {
	if f.scores == 1 { // one score: softmax of 0 and it
		s := scores[0]
		if class == 0 {
			s = -s
		}
		loss := math.Log1p(math.Exp(-math.Abs(s))) + max(0, -s)
		scores[0] = 1/(1+math.Exp(-scores[0])) - float64(class)
		return loss
	}
	top, sum := slices.Max(scores), 0.0
	for _, s := range scores {
		sum += math.Exp(s - top)
	}
	loss := math.Log(sum) + top - scores[class]
	for k, s := range scores {
		scores[k] = math.Exp(s-top) / sum
	}
	scores[class]--
	return loss
}
