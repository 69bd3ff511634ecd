package predlog

// chunks are rows of the same width, one after the other, in pieces: as they become
// more they are not copied, and there is little room for rows that never come.
type chunks[T float32 | float64] struct {
	width int
	all   [][]T
}

// perChunk is about how many numbers a chunk has room for.
const perChunk = 1 << 16

// next makes room for another row.
func (c *chunks[T]) next() []T {
	n := len(c.all)
	if n == 0 || len(c.all[n-1])+c.width > cap(c.all[n-1]) {
		rows := max(1, perChunk/c.width)
		if n == 0 {
			rows = min(rows, 16) // most segments of a version that is hardly asked are small
		}
		c.all = append(c.all, make([]T, 0, rows*c.width))
		n++
	}
	last := &c.all[n-1]
	*last = (*last)[:len(*last)+c.width]
	return (*last)[len(*last)-c.width:]
}
