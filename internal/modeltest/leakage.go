package modeltest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	// shownLines bounds the lines of test rows that a report names as copies.
	shownLines = 10
	// shownColumns bounds the columns that a report names as telling.
	shownColumns = 5
	// idRows are the fewest rows that show that a column numbers them.
	idRows = 50
	// leakRows bounds the test rows on which single columns are measured.
	leakRows = 20_000
	// leakBins are the most groups into which numbers are cut to see what they tell of the label.
	leakBins = 256
)

// overlap counts the test rows whose features stand in the training rows, too (C4).
func (s *suite) overlap() Test {
	limit := *s.in.Tests.Leakage.MaxOverlap
	train, err := s.readTraining()
	if err != nil {
		return skip("not run: %s", err)
	}
	rows := s.in.Test.Rows()
	found := s.leak(train)
	here, row := map[uint64]bool{}, make([]value, len(train.columns))
	for i := range rows {
		h := train.features(s.testRow(train.columns, i, row))
		if train.seen[h] > 0 {
			found.Overlap++
			if len(found.OverlapLines) < shownLines {
				found.OverlapLines = append(found.OverlapLines, s.in.Test.Line(i))
			}
		}
		if here[h] {
			found.Duplicates++
		}
		here[h] = true
	}
	found.OverlapShare = float64(found.Overlap) / float64(max(1, rows))
	t := pass(found.OverlapShare, limit, "%d of %d test rows have the features of one of %d training rows; %d repeat an earlier test row",
		found.Overlap, rows, train.rows, found.Duplicates)
	if found.OverlapShare > limit {
		return t.failed("%.4f of the test rows stand in the training rows, the limit is %.4g (first on lines %s of %s); take them out, or raise tests.leakage.max_overlap if the columns hold few different values",
			found.OverlapShare, limit, join(found.OverlapLines), s.in.Test.Name())
	}
	return t
}

// leak is the section of the report that the tests on leakage share.
func (s *suite) leak(train *training) *Leakage {
	if s.report.Leakage == nil {
		s.report.Leakage = &Leakage{TrainRows: train.rows, TestRows: s.in.Test.Rows()}
	}
	return s.report.Leakage
}

// leakage looks for columns that give the label away: each predicts it on its
// own, taught by the training rows and measured on the test rows (C4).
func (s *suite) leakage() Test {
	limit := *s.in.Tests.Leakage.MaxScore
	if t, missing := s.notScored(); missing {
		return t
	}
	train, err := s.readTraining()
	if err != nil {
		return skip("not run: %s", err)
	}
	found := s.leak(train)
	found.IDs = train.ids()
	goal, err := s.target(train)
	if err != nil {
		return skip("not run: %s", err)
	}
	judged := s.sample(leakRows)
	for c := range len(train.columns) - 1 {
		model := fitColumn(train.sample, c, goal, leakBins)
		if score := goal.score(model, judged, func(row int) value { return s.testCell(train.columns[c], row) }); score > 0 {
			found.Columns = append(found.Columns, ColumnScore{Column: train.columns[c].Name, Score: score})
		}
	}
	slices.SortStableFunc(found.Columns, func(a, b ColumnScore) int { return cmp.Compare(b.Score, a.Score) })
	found.Columns = found.Columns[:min(len(found.Columns), shownColumns)]
	detail := "no column tells of the label on its own"
	value := 0.0
	if len(found.Columns) > 0 {
		value = found.Columns[0].Score
		detail = fmt.Sprintf("of all columns %s tells most of the label on its own", found.Columns[0].Column)
	}
	if len(found.IDs) > 0 {
		detail += "; columns that number or name the rows: " + strings.Join(found.IDs, ", ")
	}
	t := pass(value, limit, "%s", detail)
	if value > limit {
		return t.failed("column %s alone predicts the label nearly perfectly (%.4f of what there is to predict, the limit is %.4g): is it known when the model is asked? Exclude it, or raise tests.leakage.max_score",
			found.Columns[0].Column, value, limit)
	}
	return t
}

// ids are features that number or name the rows: whole numbers that rise from
// row to row, and words of which hardly two are alike.
func (t *training) ids() []string {
	if t.rows < idRows {
		return nil
	}
	var out []string
	for c := range len(t.columns) - 1 {
		column := t.columns[c]
		if column.Kind.Numeric() {
			if !t.order[c].broken {
				out = append(out, column.Name)
			}
			continue
		}
		distinct := map[string]bool{}
		for _, row := range t.sample {
			if row[c].kind == isWord {
				distinct[row[c].word] = true
			}
		}
		if len(distinct)*100 >= len(t.sample)*95 {
			out = append(out, column.Name)
		}
	}
	return out
}

func join(lines []int) string {
	parts := make([]string, len(lines))
	for i, l := range lines {
		parts[i] = fmt.Sprint(l)
	}
	return strings.Join(parts, ", ")
}
