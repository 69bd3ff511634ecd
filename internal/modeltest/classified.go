package modeltest

import (
	"errors"
	"math"

	"github.com/slipway-ml/slipway/internal/stats"
)

// classified is a classifier's answers to all test rows, as codes of classes.
type classified struct {
	classes     []string
	truth, pred []int64     // places in classes
	scores      [][]float64 // probabilities by class; nil without
	matrix      stats.ConfusionMatrix
	// rankings are one for the second of two classes, or each class against the
	// rest; nil without probabilities, if a class does not occur in the truth, or for too many rows and classes.
	rankings []*stats.Ranking
	// remark says why there are no probabilities.
	remark string
}

// classify codes answers. Classes are in ascending order, which for 0 and 1
// they already are.
func classify(c *scored) (*classified, error) {
	out := &classified{classes: occurring(c.truth, c.predictions), scores: probabilities(c.predictions)}
	if out.scores != nil {
		if all, err := classesOf(c.truth, c.predictions, len(out.scores[0])); err == nil {
			out.classes = all
		} else {
			out.scores, out.remark = nil, "; no log loss and AUC: "+err.Error()
		}
	}
	index := make(map[string]int64, len(out.classes))
	for i, class := range out.classes {
		index[class] = int64(i)
	}
	out.truth, out.pred = make([]int64, len(c.predictions)), make([]int64, len(c.predictions))
	for i, p := range c.predictions {
		out.truth[i], out.pred[i] = index[c.truth.classes[i]], index[className(p)]
	}
	for i, row := range out.scores {
		out.scores[i] = bounded(row)
	}
	var err error
	if out.matrix, err = stats.ConfusionOf(out.truth, out.pred, len(out.classes)); err != nil {
		return nil, err
	}
	if err := out.rank(); err != nil {
		return nil, err
	}
	return out, nil
}

// bounded takes the rounding of float32 off probabilities.
func bounded(row []float64) []float64 {
	out := make([]float64, len(row))
	for i, p := range row {
		out[i] = min(1, max(0, p))
	}
	return out
}

func (c *classified) binary() bool { return len(c.classes) == 2 }

// positive are the probabilities of a class, and whether it is the true one.
func (c *classified) positive(class int) (truth []int64, score []float64) {
	truth, score = make([]int64, len(c.truth)), make([]float64, len(c.truth))
	for i, row := range c.scores {
		score[i] = row[class]
		if c.truth[i] == int64(class) {
			truth[i] = 1
		}
	}
	return truth, score
}

// mostRanked bounds rows x classes of the rankings, for memory.
const mostRanked = 20_000_000

func (c *classified) rank() error {
	if c.scores == nil || len(c.truth)*len(c.classes) > mostRanked {
		return nil
	}
	occurs := make([]bool, len(c.classes))
	for _, t := range c.truth {
		occurs[t] = true
	}
	first := 0
	if c.binary() {
		first = 1
	}
	var rankings []*stats.Ranking
	for class := range c.classes {
		if !occurs[class] {
			return nil
		}
		if class < first {
			continue
		}
		r, err := stats.NewRanking(c.positive(class))
		if err != nil {
			return err
		}
		rankings = append(rankings, r)
	}
	c.rankings = rankings
	return nil
}

// metricNames are what metrics gives, in its order.
func (c *classified) metricNames() []string {
	names := []string{"accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc"}
	if !c.binary() {
		names = append(names, "precision_weighted", "recall_weighted", "f1_weighted")
	}
	if c.scores != nil {
		names = append(names, "log_loss", "brier")
	}
	if c.rankings != nil {
		names = append(names, "auc", "pr_auc")
	}
	return names
}

// metrics computes the metrics of weighted rows; nil weighs each by 1. NaN is
// what the rows do not define. Of more than two classes precision, recall, f1,
// auc and pr_auc are means over the classes; brier is a sum over them.
func (c *classified) metrics() func(weights []float64) []float64 {
	losses, squares := c.losses()
	matrix := stats.NewConfusionMatrix(len(c.classes))
	return func(weights []float64) []float64 {
		if err := matrix.Count(c.truth, c.pred, weights); err != nil {
			return make([]float64, len(c.metricNames()))
		}
		of := matrix.Macro()
		if c.binary() {
			of = matrix.Class(1)
		}
		out := []float64{matrix.Accuracy(), matrix.BalancedAccuracy(), of.Precision, of.Recall, of.F1, matrix.MCC()}
		if !c.binary() {
			of = matrix.Weighted()
			out = append(out, of.Precision, of.Recall, of.F1)
		}
		if c.scores != nil {
			out = append(out, mean(losses, weights), mean(squares, weights))
		}
		if c.rankings != nil {
			auc, area := 0.0, 0.0
			for _, r := range c.rankings {
				a, p := r.Areas(weights)
				auc, area = auc+a/float64(len(c.rankings)), area+p/float64(len(c.rankings))
			}
			out = append(out, auc, area)
		}
		return out
	}
}

// passes counts the sums over the confusion matrix, too, which matter for very many classes.
func (c *classified) passes() int {
	const matrixSums = 8
	return 3 + 3*len(c.rankings) + matrixSums*len(c.classes)*len(c.classes)/max(1, len(c.truth))
}

// auc is the mean area under the ROC curves of the classes.
func (c *classified) auc(weights []float64) float64 {
	out := 0.0
	for _, r := range c.rankings {
		out += r.AUC(weights) / float64(len(c.rankings))
	}
	return out
}

// losses are the log loss and the Brier score of each row, nil without probabilities.
func (c *classified) losses() (losses, squares []float64) {
	if c.scores == nil {
		return nil, nil
	}
	losses, squares = make([]float64, len(c.truth)), make([]float64, len(c.truth))
	for i, row := range c.scores {
		if c.binary() { // by the probability of the second class alone, as everybody does
			p := row[1]
			if c.truth[i] == 0 {
				p = 1 - p
			}
			losses[i], squares[i] = logLossOf(p), (1-p)*(1-p)
			continue
		}
		losses[i] = logLossOf(row[c.truth[i]])
		for class, p := range row {
			if int64(class) == c.truth[i] {
				p = 1 - p
			}
			squares[i] += p * p
		}
	}
	return losses, squares
}

// logLossOf clips as scikit-learn's log_loss does.
func logLossOf(p float64) float64 {
	const eps = 0x1p-52
	return -math.Log(min(max(p, eps), 1-eps))
}

// right tells which rows are right, as 1 and 0.
func (c *classified) right() []float64 {
	out := make([]float64, len(c.truth))
	for i, t := range c.truth {
		if c.pred[i] == t {
			out[i] = 1
		}
	}
	return out
}

// class is the place of a class by name; the last one for "".
func (c *classified) class(name string) (int, error) {
	if name == "" {
		return len(c.classes) - 1, nil
	}
	for i, class := range c.classes {
		if class == name {
			return i, nil
		}
	}
	return 0, errors.New("there is no class " + name)
}

// mean of x by weights; nil weighs each by 1.
func mean(x, weights []float64) float64 {
	sum, all := 0.0, 0.0
	for i, v := range x {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		sum, all = sum+w*v, all+w
	}
	return sum / all
}
