package brokenmodel

import (
	"fmt"
	"math/rand/v2"
)

// Model is a broken file.
type Model struct {
	// Name says what is wrong, as a name of a file: "cycle-2", "truncated-017".
	Name  string
	Bytes []byte
}

// All makes the files: more than 200, the same every time.
func All() []Model {
	var out []Model
	for _, part := range []func() []Model{truncated, flipped, wire, weights, shapes, types, structure, externals, nested, operators, trees, running} {
		out = append(out, part()...)
	}
	return out
}

// truncated cuts a sound file short, at even distances.
func truncated() []Model {
	const count = 40
	whole := Sound()
	var out []Model
	for i := range count {
		out = append(out, Model{fmt.Sprintf("truncated-%03d", i), whole[:(i+1)*len(whole)/(count+1)]})
	}
	return out
}

// flipped turns bits of a sound file over: enough of them that some hit more than a weight.
func flipped() []Model {
	const count = 40
	var out []Model
	for i := range count {
		random := rand.New(rand.NewPCG(uint64(i), 1)) //nolint:gosec // the same every time
		b := append([]byte(nil), Sound()...)
		for range 24 + i {
			at := random.IntN(8 * len(b))
			b[at/8] ^= 1 << (at % 8)
		}
		out = append(out, Model{fmt.Sprintf("flipped-%03d", i), b})
	}
	return out
}

// changed is a sound graph with a change.
func changed(name string, change func(*parts)) Model {
	p := sound()
	change(&p)
	return Model{name, p.model()}
}
