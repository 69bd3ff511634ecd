package modeltest

import (
	"math"
	"slices"
)

// columnModel predicts from the values of one column: a table from words, or
// from groups of numbers, to what the training rows with them had. Without
// tables it always answers the prior.
type columnModel struct {
	edges   []float64 // upper ends of the groups of numbers, the last group's aside
	numbers [][]float64
	others  map[value][]float64 // words, booleans and null
	prior   []float64
}

// groupRows are the fewest rows that a group of numbers needs to be believed more than the prior.
const groupRows = 5

// fitColumn teaches a column; numbers are cut into at most so many groups of
// about equally many rows, at least ten each.
func fitColumn(sample [][]value, column int, t *target, bins int) *columnModel {
	m := &columnModel{others: map[value][]float64{}, prior: t.prior}
	var known []float64
	for _, row := range sample {
		if v := row[column]; v.kind == isNumber && isFinite(v.number) {
			known = append(known, v.number)
		}
	}
	m.edges = cut(known, max(2, min(bins, len(known)/10)))
	numbers, others := make([]*tally, len(m.edges)+1), map[value]*tally{}
	for i := range numbers {
		numbers[i] = newTally(t)
	}
	for i, row := range sample {
		v := row[column]
		if v.kind == isNumber {
			numbers[m.group(v.number)].add(t, i)
			continue
		}
		if others[v] == nil {
			others[v] = newTally(t)
		}
		others[v].add(t, i)
	}
	m.numbers = make([][]float64, len(numbers))
	for i, g := range numbers {
		if g.rows >= groupRows {
			m.numbers[i] = g.answer(t.prior)
		}
	}
	for v, g := range others {
		if g.rows > 0 {
			m.others[v] = g.answer(t.prior)
		}
	}
	return m
}

// cut gives the upper ends of groups of about equally many numbers, the last group's aside.
func cut(numbers []float64, groups int) []float64 {
	slices.Sort(numbers)
	var edges []float64
	for g := 1; g < groups && len(numbers) > 0; g++ {
		edge := numbers[(g*len(numbers)-1)/groups]
		if (len(edges) == 0 || edge > edges[len(edges)-1]) && edge < numbers[len(numbers)-1] {
			edges = append(edges, edge)
		}
	}
	return edges
}

// group is the place of a number among the groups.
func (m *columnModel) group(v float64) int {
	at, _ := slices.BinarySearch(m.edges, v)
	return at
}

// answer are the shares of the classes, or the value in its only number.
func (m *columnModel) answer(v value) []float64 {
	found := m.others[v]
	if v.kind == isNumber && m.numbers != nil {
		found = m.numbers[m.group(v.number)]
	}
	if found == nil {
		return m.prior
	}
	return found
}

// bestColumn is the column that predicts best, taught on every other training
// row and judged on the rest by log loss, or by squared error; -1 for none.
func bestColumn(sample [][]value, t *target, columns, bins int) int {
	taught, judged := &target{classes: t.classes, prior: t.prior}, []int{}
	var rows [][]value
	for i, row := range sample {
		if i%2 == 0 {
			rows, taught.train = append(rows, row), append(taught.train, t.train[i])
		} else if t.known(i) {
			judged = append(judged, i)
		}
	}
	best, least := -1, math.Inf(1)
	for c := range columns {
		model := fitColumn(rows, c, taught, bins)
		loss := 0.0
		for _, i := range judged {
			answer := model.answer(sample[i][c])
			if t.classes > 0 {
				loss += logLossOf(answer[int(t.train[i])])
			} else {
				loss += (answer[0] - t.train[i]) * (answer[0] - t.train[i])
			}
		}
		if loss < least {
			best, least = c, loss
		}
	}
	return best
}
