package predlog

// tiles are rows of the same width. They come one after the other and are copied as they are; what
// has become a tile is turned, so that its columns lie one after the other, while it is in the processor's cache.
// A row of hundreds of columns so costs two copies, and not a miss of the cache for each of its columns.
type tiles[T float32 | float64] struct {
	width  int
	turned [][]T // each the columns of so many rows as it has room for
	stage  []T   // the rows since
	free   [][]T
}

// perTile is about how many numbers a tile has room for.
const perTile = 1 << 16

// rows is how many a tile of the width has: enough that a column of it is some lines of the cache.
func (t *tiles[T]) rows() int { return min(max(16, perTile/t.width&^15), 1024) }

// next makes room for another row. It tells whether a tile was turned for it, which takes a while.
func (t *tiles[T]) next() (row []T, turned bool) {
	if len(t.stage) == t.rows()*t.width {
		t.turn()
		turned = true
	}
	n := len(t.stage)
	if n+t.width > cap(t.stage) { // most segments of a version that is hardly asked are small
		more := make([]T, n, min(max(2*n, 16*t.width), t.rows()*t.width))
		copy(more, t.stage)
		t.stage = more
	}
	t.stage = t.stage[:n+t.width]
	return t.stage[n:], turned
}

// turn makes a tile of the rows that came last.
func (t *tiles[T]) turn() {
	if len(t.stage) == 0 {
		return
	}
	var tile []T
	if n := len(t.free); n > 0 && cap(t.free[n-1]) >= len(t.stage) {
		tile, t.free = t.free[n-1][:len(t.stage)], t.free[:n-1]
	} else {
		tile = make([]T, len(t.stage), max(len(t.stage), min(len(t.turned), 1)*t.rows()*t.width))
	}
	turn(tile, t.stage, t.width)
	t.turned = append(t.turned, tile)
	t.stage = t.stage[:0]
}

// turn writes the columns of rows one after the other.
func turn[T float32 | float64](to, rows []T, width int) {
	n := len(rows) / width
	for i := range width { // those that share a line of the cache find it there
		column := to[i*n : (i+1)*n]
		at := i
		for j := range column {
			column[j] = rows[at]
			at += width
		}
	}
}

// column appends the numbers of a column. All rows must have been turned.
func (t *tiles[T]) column(i int, out []T) []T {
	for _, tile := range t.turned {
		n := len(tile) / t.width
		out = append(out, tile[i*n:(i+1)*n]...)
	}
	return out
}

// reset forgets all rows; the memory stays.
func (t *tiles[T]) reset() {
	t.free = append(t.free, t.turned...)
	clear(t.turned)
	t.turned, t.stage = t.turned[:0], t.stage[:0]
}
