package brokenmodel

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// wire breaks the encoding: lengths that lie, unknown wire types, no model at all.
func wire() []Model {
	out := []Model{
		{"wire-empty", nil},
		{"wire-text", []byte("this is a text, not a model")},
		{"wire-zeros", make([]byte, 4096)},
		{"wire-ones", bytes.Repeat([]byte{0xff}, 4096)},
		{"wire-endless-varint", append(bytes.Repeat([]byte{0x08}, 1), bytes.Repeat([]byte{0x80}, 64)...)},
		{"wire-group", protowire.AppendTag(nil, 7, protowire.StartGroupType)},
		{"wire-png", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")},
		{"wire-pickle", []byte("\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.")},
		{"wire-no-graph", message(nil).number(1, 8).body(8, opset("", 17))},
		{"wire-two-graphs", append(Sound(), message(nil).body(7, sound().graph())...)},
		{"wire-graph-is-a-number", message(nil).number(1, 8).number(7, 1)},
	}
	for i, length := range []uint64{1 << 20, 1 << 31, 1<<32 + 7, 1 << 40, 1 << 62, math.MaxUint64} {
		b := protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), length)
		out = append(out, Model{fmt.Sprintf("wire-length-lies-%d", i), append(b, sound().graph()...)})
	}
	return out
}

// weights takes away, shortens and spoils initialisers.
func weights() []Model {
	var out []Model
	names := []string{"w1", "b1", "w2", "b2"}
	for i, name := range names {
		out = append(out, changed("weight-missing-"+name, func(p *parts) { p.weights = append(p.weights[:i:i], p.weights[i+1:]...) }))
	}
	for _, raw := range [][]byte{nil, floats(1), make([]byte, 47), make([]byte, 49), make([]byte, 4096)} {
		out = append(out, changed(fmt.Sprintf("weight-bytes-%d", len(raw)), func(p *parts) { p.weights[0] = tensor("w1", typeFloat, raw, 4, 3) }))
	}
	for name, v := range map[string]float32{"nan": float32(math.NaN()), "infinite": float32(math.Inf(1)), "minus-infinite": float32(math.Inf(-1)), "exploding": 3e30} {
		out = append(out, changed("weight-"+name, func(p *parts) {
			p.weights[0] = tensor("w1", typeFloat, floats(1, 0, 0, 0, v, 0, 0, 0, 1, 0, 0, 0), 4, 3)
		}))
	}
	sortByName(out)
	return append(out,
		changed("weight-all-zero", func(p *parts) { p.weights[2] = tensor("w2", typeFloat, make([]byte, 24), 3, 2) }),
		changed("weight-dead", func(p *parts) { p.weights[1] = tensor("b1", typeFloat, floats(-1e6, -1e6, -1e6), 3) }),
		changed("weight-twice", func(p *parts) { p.weights = append(p.weights, p.weights[0]) }),
		changed("weight-nameless", func(p *parts) { p.weights[0] = tensor("", typeFloat, make([]byte, 48), 4, 3) }),
		changed("weight-none", func(p *parts) { p.weights = nil }),
	)
}

// shapes declares what no machine holds, and what does not fit together.
func shapes() []Model {
	var out []Model
	for i, dims := range [][]int64{
		{1 << 31, 1 << 31}, {1 << 62}, {math.MaxInt64, 2}, {1 << 40, 1}, {-1, 3}, {-4, -3}, {0}, {0, 3}, {12}, {3, 4}, {4, 3, 1}, {2, 2, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 12},
	} {
		out = append(out, changed(fmt.Sprintf("shape-weight-%02d", i), func(p *parts) {
			p.weights[0] = tensor("w1", typeFloat, make([]byte, 48), dims...)
		}))
	}
	for i, dims := range [][]int64{{1 << 31, 4}, {1 << 62, 4}, {-1, 1 << 40}, {-1, 5}, {-1, 3}, {-1}, {}, {-1, 4, 4}, {0, 4}} {
		out = append(out, changed(fmt.Sprintf("shape-input-%02d", i), func(p *parts) { p.inputs[0] = value("x", typeFloat, dims...) }))
	}
	for i, dims := range [][]int64{{7, 7, 7}, {1 << 40, 2}, {}} {
		out = append(out, changed(fmt.Sprintf("shape-output-%02d", i), func(p *parts) { p.outputs[1] = value("probabilities", typeFloat, dims...) }))
	}
	return out
}

// types gives values types that they cannot have.
func types() []Model {
	var out []Model
	for _, kind := range []uint64{0, 2, 6, typeInt64, typeString, 9, 10, typeDouble, 14, 16, 21, 99, 1 << 40} {
		out = append(out, changed(fmt.Sprintf("type-weight-%d", kind), func(p *parts) { p.weights[0] = tensor("w1", kind, make([]byte, 48), 4, 3) }))
	}
	for _, kind := range []uint64{0, typeInt64, typeString, 9, 10, 14, 99} {
		out = append(out, changed(fmt.Sprintf("type-input-%d", kind), func(p *parts) { p.inputs[0] = value("x", kind, -1, 4) }))
	}
	for _, kind := range []uint64{typeInt64, typeString, typeDouble, 99} {
		out = append(out, changed(fmt.Sprintf("type-output-%d", kind), func(p *parts) { p.outputs[1] = value("probabilities", kind, -1, 2) }))
	}
	return out
}

// structure breaks the graph itself: cycles, values from nowhere, names twice.
func structure() []Model {
	var out []Model
	for _, length := range []int{1, 2, 3, 10, 1000} {
		out = append(out, changed(fmt.Sprintf("cycle-%d", length), func(p *parts) {
			for i := range length {
				p.nodes = append(p.nodes, node("Relu", []string{fmt.Sprint("c", i)}, []string{fmt.Sprint("c", (i+1)%length)}))
			}
			p.nodes[1] = node("Add", []string{"pre", "c0"}, []string{"hidden"})
		}))
	}
	for i := range 5 {
		out = append(out, changed(fmt.Sprintf("node-missing-%d", i), func(p *parts) { p.nodes = append(p.nodes[:i:i], p.nodes[i+1:]...) }))
	}
	return append(out,
		changed("graph-no-nodes", func(p *parts) { p.nodes = nil }),
		changed("graph-no-inputs", func(p *parts) { p.inputs = nil }),
		changed("graph-no-outputs", func(p *parts) { p.outputs = nil }),
		changed("graph-input-twice", func(p *parts) { p.inputs = append(p.inputs, p.inputs[0]) }),
		changed("graph-output-unknown", func(p *parts) { p.outputs[1] = value("nowhere", typeFloat, -1, 2) }),
		changed("graph-value-twice", func(p *parts) { p.nodes = append(p.nodes, p.nodes[0]) }),
		changed("graph-long-name", func(p *parts) { p.outputs[1] = value(strings.Repeat("n", 1<<20), typeFloat, -1, 2) }),
		changed("graph-name-with-nul", func(p *parts) { p.inputs[0] = value("x\x00y", typeFloat, -1, 4) }),
		changed("graph-thousand-inputs", func(p *parts) {
			for i := range 1000 {
				p.inputs = append(p.inputs, value(fmt.Sprint("in", i), typeFloat, -1, 4))
			}
		}),
		changed("opset-none", func(p *parts) { p.opsets = nil }),
		changed("opset-0", func(p *parts) { p.opsets = []message{opset("", 0)} }),
		changed("opset-9999", func(p *parts) { p.opsets = []message{opset("", 9999)} }),
		changed("ir-0", func(p *parts) { p.ir = 0 }),
		changed("ir-9999", func(p *parts) { p.ir = 9999 }),
	)
}
