package modeltest

import (
	"math"
	"slices"
)

// columnModel predicts from one column: a table from its values, or from
// groups of its numbers, to what the training rows with them had. With no
// column it always answers the prior.
type columnModel struct {
	column int // -1 for none
	edges  []float64
	groups map[value][]float64
	prior  []float64
}

// fewest rows that a group needs to be believed more than the prior.
const groupRows = 5

// fitColumn teaches a column; numbers are cut into at most so many groups of
// about equally many rows, at least ten each.
func fitColumn(sample [][]value, column int, t *target, bins int) *columnModel {
	m := &columnModel{column: column, groups: map[value][]float64{}, prior: t.prior}
	var numbers []float64
	for _, row := range sample {
		if v := row[column]; v.kind == isNumber && isFinite(v.number) {
			numbers = append(numbers, v.number)
		}
	}
	m.edges = cut(numbers, max(2, min(bins, len(numbers)/10)))
	rows := map[value][]int{}
	for i, row := range sample {
		if t.known(i) {
			key := m.key(row[column])
			rows[key] = append(rows[key], i)
		}
	}
	for key, members := range rows {
		if len(members) >= groupRows || key.kind == isWord {
			m.groups[key] = t.smoothed(members)
		}
	}
	return m
}

// smoothed is the summary of a group; classes lean to the prior by the weight of one row.
func (t *target) smoothed(rows []int) []float64 {
	out := t.summary(rows)
	if t.classes == 0 {
		return out
	}
	n := float64(len(rows))
	for class := range out {
		out[class] = (n*out[class] + t.prior[class]) / (n + 1)
	}
	return out
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

// key is the group of a value: a number's is the place among the edges.
func (m *columnModel) key(v value) value {
	if v.kind == isNumber {
		at, _ := slices.BinarySearch(m.edges, v.number)
		return value{kind: isNumber, number: float64(at)}
	}
	return v
}

// answer are the shares of the classes, or the value in its only number.
func (m *columnModel) answer(row []value) []float64 {
	if m.column >= 0 {
		if found, ok := m.groups[m.key(row[m.column])]; ok {
			return found
		}
	}
	return m.prior
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
			answer := model.answer(sample[i])
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
