package oip

import (
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// gatherer collects the inputs of a request in lists that all of them share, to be copied once when their
// sizes are known: however many small inputs a request has, they cost an allocation for each kind of value.
// The lists are used again for other requests; what tensors hands out is not.
type gatherer struct {
	inputs   []gathered
	apart    []onnx.Tensor // those whose values are their own
	sizes    []int64       // of their shapes
	words    []word        // of each its name and, if it holds strings, those
	unquoted []byte        // the words that do not stand in the body as they are meant
	arrays
}

// arrays hold values by their kind.
type arrays struct {
	floats  []float32
	doubles []float64
	ints    []int64
	bools   []bool
}

// gathered is a tensor whose name and shape are in the shared lists.
type gathered struct {
	kind   onnx.Type
	rank   int // noShape: it has none
	values int // how many are in the shared lists; apart: it is the next of those
}

const (
	noShape = -1 // the rank of a tensor of which no shape is said, unlike that of one of no dimensions
	apart   = -1
)

// sharedMost is how many numbers of an input are worth a copy; more get their own array from the start.
const sharedMost = 64

// word is where a text stands, in the body or among the unquoted.
type word struct {
	start, end int
	unquoted   bool
}

// grow makes room for n values.
func (a *arrays) grow(h holding, n int) {
	switch h {
	case singles:
		a.floats = slices.Grow(a.floats, n)
	case doubles:
		a.doubles = slices.Grow(a.doubles, n)
	case booleans:
		a.bools = slices.Grow(a.bools, n)
	case integers:
		a.ints = slices.Grow(a.ints, n)
	}
}

// newGatherer has lists for requests of some twenty inputs.
func newGatherer() gatherer {
	const some = 32
	return gatherer{
		inputs: make([]gathered, 0, some), sizes: make([]int64, 0, 2*some), words: make([]word, 0, 2*some),
		arrays: arrays{floats: make([]float32, 0, some), doubles: make([]float64, 0, some), ints: make([]int64, 0, some), bools: make([]bool, 0, some)},
	}
}

// reset empties the lists.
func (g *gatherer) reset() {
	clear(g.apart) // they may be large
	g.apart, g.inputs, g.sizes, g.words, g.unquoted = g.apart[:0], g.inputs[:0], g.sizes[:0], g.words[:0], g.unquoted[:0]
	g.floats, g.doubles, g.ints, g.bools = g.floats[:0], g.doubles[:0], g.ints[:0], g.bools[:0]
}

// add adds an input whose name, the first of its words, whose sizes and values are added already.
func (g *gatherer) add(kind onnx.Type, shape []int64, values int) {
	rank := len(shape)
	if shape == nil {
		rank = noShape
	}
	g.inputs = append(g.inputs, gathered{kind, rank, values})
}

// addOwn adds an input whose name and sizes are added already, with values of its own.
func (g *gatherer) addOwn(t onnx.Tensor) {
	g.add(t.Type, t.Shape, apart)
	g.apart = append(g.apart, t)
}

// text adds a word, a string of the body.
func (g *gatherer) text(body []byte, s span) {
	switch {
	case s.end == 0:
		g.words = append(g.words, word{})
	case s.literal(body):
		g.words = append(g.words, word{start: s.start + 1, end: s.end - 1})
	default:
		start := len(g.unquoted)
		g.unquoted = append(g.unquoted, s.meaning(body)...)
		g.words = append(g.words, word{start, len(g.unquoted), true})
	}
}

// tensors are the inputs, which share nothing with the lists any more.
func (g *gatherer) tensors(body []byte) []onnx.Tensor {
	sizes, words := owned(g.sizes), g.texts(body)
	values := arrays{owned(g.floats), owned(g.doubles), owned(g.ints), owned(g.bools)}
	own, out := g.apart, make([]onnx.Tensor, len(g.inputs))
	for i := range out {
		in, t := g.inputs[i], &out[i]
		if in.values == apart {
			*t = take(&own, 1)[0]
		}
		t.Name, t.Type = take(&words, 1)[0], in.kind
		if in.rank != noShape {
			t.Shape = take(&sizes, in.rank)
		}
		n := in.values
		switch {
		case n == apart:
		case in.kind == onnx.Float32:
			t.Floats = take(&values.floats, n)
		case in.kind == onnx.Float64:
			t.Doubles = take(&values.doubles, n)
		case in.kind == onnx.Bool:
			t.Bools = take(&values.bools, n)
		case in.kind == onnx.String:
			t.Strings = take(&words, n)
		default:
			t.Ints = take(&values.ints, n)
		}
	}
	return out
}

// texts are the words: parts of one string.
func (g *gatherer) texts(body []byte) []string {
	n := 0
	for _, w := range g.words {
		n += w.end - w.start
	}
	var all strings.Builder
	all.Grow(n)
	for _, w := range g.words {
		if w.unquoted {
			all.Write(g.unquoted[w.start:w.end])
		} else {
			all.Write(body[w.start:w.end])
		}
	}
	rest, out := all.String(), make([]string, len(g.words))
	for i, w := range g.words {
		out[i], rest = rest[:w.end-w.start], rest[w.end-w.start:]
	}
	return out
}

func owned[T any](list []T) []T {
	out := make([]T, len(list))
	copy(out, list)
	return out
}

// take cuts the first n off a list.
func take[T any](list *[]T, n int) []T {
	out := (*list)[:n:n]
	*list = (*list)[n:]
	return out
}
