package dataset

import "math"

// quality computes the dimensions that Report.Quality documents.
func (k *check) quality() {
	rows := float64(k.scan.seen)
	q := map[string]float64{Completeness: 0, Uniqueness: 0, Validity: 0, Consistency: 0}
	k.report.Quality = q
	var cells, filled, faultless float64
	timely := math.Inf(1)
	for _, c := range k.scan.columns {
		if c.rule == nil {
			continue
		}
		cells += rows
		filled += rows - float64(c.nulls)
		faultless += float64(c.faultless)
		for _, e := range append([]*Expect{&c.rule.Expect}, pointers(c.rule.Checks)...) {
			if e.MaxAge != "" {
				timely = min(timely, c.timeliness(e.maxAge, k.opts.Now))
			}
		}
	}
	if !math.IsInf(timely, 1) {
		q[Timeliness] = timely
	}
	cells += rows * float64(k.missing)
	if cells == 0 {
		return
	}
	q[Completeness], q[Validity] = filled/cells, faultless/cells
	distinct, method := k.scan.distinct.distinct()
	if method != Exact && k.allUnique() { // rows differ where one column does
		distinct, method = rows, Exact
	}
	q[Uniqueness] = min(1, distinct/rows)
	if method != Exact {
		k.report.Estimated = map[string]Method{Uniqueness: method}
	}
	if !k.misshapen {
		q[Consistency] = float64(k.scan.goodRows) / rows
	}
}

// allUnique tells that some check found every value of a column once, without a null.
func (k *check) allUnique() bool {
	for _, c := range k.scan.columns {
		for _, cell := range c.cells {
			if cell.unique != nil && !cell.unique.full && cell.broken == 0 && c.values() == c.rows {
				return true
			}
		}
	}
	return false
}
