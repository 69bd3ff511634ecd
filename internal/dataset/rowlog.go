package dataset

// maxLogged bounds the rows of a run whose faults are remembered one by one: 16 MiB.
const maxLogged = 1 << 27

// rowLog remembers which rows of a run break some expectation, so that a row
// that turns out to break another one, by what came before the run, is not
// counted twice.
type rowLog struct {
	first int64 // of the run
	rows  rowBits
	cells rowBits // of a column
}

// rowBits is a set of rows, numbered from 0. Beyond maxLogged it holds none.
type rowBits struct{ bits []uint64 }

// set adds a row and tells whether it is new.
func (b *rowBits) set(row int64) bool {
	at := row >> 6
	if row < 0 || row >= maxLogged {
		return true
	}
	for int64(len(b.bits)) <= at {
		b.bits = append(b.bits, make([]uint64, max(64, int64(len(b.bits))))...)
	}
	bit := uint64(1) << (row & 63)
	if b.bits[at]&bit != 0 {
		return false
	}
	b.bits[at] |= bit
	return true
}

// firstSeen is the first row of a run that holds a value.
type firstSeen struct {
	hash uint64
	row  int64
}

// logRows prepares a check for merging: it remembers where values first stand
// that must stand once, and which rows are faulty.
func (k *check) logRows(limit int) {
	k.log = &rowLog{first: k.scan.first}
	k.scan.log = k.log
	for _, c := range k.scan.columns {
		for _, cell := range c.cells {
			if cell.unique != nil {
				cell.unique.limit = limit
				cell.test = cell.loggedUnique
			}
			if cell.unique != nil || cell.order != nil {
				c.log = &rowLog{first: k.scan.first}
			}
		}
	}
	for _, r := range k.scan.rows {
		if r.set != nil {
			r.set.limit = limit
			r.test = loggedRows{}
		}
	}
}

// loggedUnique finds values that stand twice, and logs where each first stands.
func (k *cellCheck) loggedUnique(v *vector, broken []int32) []int32 {
	for i, hash := range v.hashes {
		if v.flags[i]&cellUnusable != 0 {
			continue
		}
		held := k.unique.n
		if k.unique.add(hash) {
			broken = append(broken, int32(i))
		} else if k.unique.n > held {
			k.firsts = append(k.firsts, firstSeen{hash, v.first + int64(i)})
		}
	}
	return broken
}

// loggedRows asks for rows that stand once, and logs where each first stands.
type loggedRows struct{}

func (loggedRows) met(k *rowCheck, columns []*columnState, row int) bool {
	h := uint64(0)
	for _, at := range k.columns {
		h = mix(h*31 + columns[at].v.hashes[row])
	}
	held := k.set.n
	if k.set.add(h) {
		return false
	}
	if k.set.n > held {
		k.firsts = append(k.firsts, firstSeen{h, columns[k.columns[0]].v.first + int64(row)})
	}
	return true
}

// note remembers the faulty cells of a batch.
func (l *rowLog) note(v *vector) {
	for i, f := range v.flags {
		if f&cellBad != 0 {
			l.cells.set(v.first + int64(i) - l.first)
		}
	}
}

// noteRows remembers the faulty rows of a batch that starts at row first.
func (l *rowLog) noteRows(bad []bool, first int64) {
	for i, is := range bad {
		if is {
			l.rows.set(first + int64(i) - l.first)
		}
	}
}
