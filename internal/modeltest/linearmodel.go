package modeltest

import (
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/internal/stats"
)

// Bounds and settings of the linear models.
const (
	// linearPenalty is scikit-learn's default of Ridge, and of LogisticRegression (C = 1).
	linearPenalty = 1
	// linearWork bounds rows x columns x classes x iterations: about a second.
	linearWork = 500_000_000
	// mostIterations is far beyond where a logistic regression of standardised columns improves.
	mostIterations = 200
	// mostLinearClasses bounds the classes that a logistic regression is taught.
	mostLinearClasses = 100
)

// linear teaches a logistic regression, or a ridge regression, on the training
// rows, of which it takes as many as it can afford, evenly spread.
func (s *suite) linear(t *training, goal *target) (name string, answer func(row int) []float64, err error) {
	name = "logistic regression"
	if goal.classes == 0 {
		name = "ridge regression"
	}
	if goal.classes > mostLinearClasses {
		return name, nil, fmt.Errorf("%d classes are too many", goal.classes)
	}
	label := len(t.columns) - 1
	d := newDesign(t.sample, label)
	if d.width == 0 {
		return name, nil, errors.New("no column varies")
	}
	if work := len(goal.test) * d.width * max(1, goal.classes); work > 4*linearWork {
		return name, nil, errors.New("the test rows are too many for their columns and classes")
	}
	var known []int
	for i := range goal.train {
		if goal.known(i) {
			known = append(known, i)
		}
	}
	m, err := fitLinear(d, t.sample, spread(known, designCells/d.width), goal)
	if err != nil {
		return name, nil, err
	}
	row := make([]float64, d.width)
	return name, func(i int) []float64 {
		d.row(row, func(column int) value { return s.testCell(t.columns[column], i) })
		scores := m.Scores(row)
		if goal.classes > 0 {
			return stats.Probabilities(scores)
		}
		return scores
	}, nil
}

func fitLinear(d *design, sample [][]value, rows []int, goal *target) (*stats.Linear, error) {
	x := d.matrix(sample, rows)
	if goal.classes == 0 {
		y := make([]float64, len(rows))
		for i, row := range rows {
			y[i] = goal.train[row]
		}
		return stats.FitRidge(x, y, linearPenalty)
	}
	y := make([]int, len(rows))
	for i, row := range rows {
		y[i] = int(goal.train[row])
	}
	iterations := linearWork / (len(rows) * d.width * goal.classes)
	return stats.FitLogistic(x, y, goal.classes, linearPenalty, max(1, min(mostIterations, iterations)))
}

// spread picks at most so many rows, evenly.
func spread(rows []int, most int) []int {
	if len(rows) <= most {
		return rows
	}
	out := make([]int, most)
	for i := range out {
		out[i] = rows[i*len(rows)/most]
	}
	return out
}
