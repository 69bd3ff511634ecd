package oip

// blocks hand out parts of arrays, so that a message of many small tensors does not take an allocation for each.
type blocks struct {
	tensors int // about how many will ask
	words   []string
	ints    []int64
}

// smallPart is how much a tensor has at most for which more is allocated than it needs.
const smallPart = 16

func (b *blocks) strings(n int) []string { return part(&b.words, n, b.tensors) }

func (b *blocks) integers(n int) []int64 { return part(&b.ints, n, b.tensors) }

// part cuts n off what is left of an array, or off a new one with room for those of other tensors.
func part[T any](left *[]T, n, tensors int) []T {
	switch {
	case n > smallPart:
		return make([]T, n)
	case n > len(*left):
		*left = make([]T, n*max(min(tensors, smallPart), 1))
	}
	return take(left, n)
}
