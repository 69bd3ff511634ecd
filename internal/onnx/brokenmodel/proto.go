package brokenmodel

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message under construction.
type message []byte

func (m message) number(id protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, id, protowire.VarintType), v)
}

func (m message) text(id protowire.Number, s string) message { return m.body(id, []byte(s)) }

func (m message) body(id protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, id, protowire.BytesType), b)
}

// Element types of onnx.TensorProto.
const (
	typeFloat  = 1
	typeInt64  = 7
	typeString = 8
	typeDouble = 11
)

// dim is one dimension: a size, or any where it is negative.
func dim(size int64) message {
	if size < 0 {
		return message(nil).text(2, "batch")
	}
	return message(nil).number(1, uint64(size))
}

// value is a ValueInfoProto of a tensor.
func value(name string, kind uint64, dims ...int64) message {
	var shape message
	for _, d := range dims {
		shape = shape.body(1, dim(d))
	}
	tensor := message(nil).number(1, kind).body(2, shape)
	return message(nil).text(1, name).body(2, message(nil).body(1, tensor))
}

// tensor is a TensorProto with raw data.
func tensor(name string, kind uint64, raw []byte, dims ...int64) message {
	var m message
	for _, d := range dims {
		m = m.number(1, uint64(d))
	}
	return m.number(2, kind).text(8, name).body(9, raw)
}

func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func ints(values ...int64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

// node is a NodeProto of the standard domain.
func node(op string, inputs, outputs []string, attributes ...message) message {
	return nodeOf("", op, inputs, outputs, attributes...)
}

func nodeOf(domain, op string, inputs, outputs []string, attributes ...message) message {
	var m message
	for _, in := range inputs {
		m = m.text(1, in)
	}
	for _, out := range outputs {
		m = m.text(2, out)
	}
	m = m.text(3, op+"_"+first(outputs)).text(4, op)
	for _, a := range attributes {
		m = m.body(5, a)
	}
	if domain != "" {
		m = m.text(7, domain)
	}
	return m
}

func first(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return names[0]
}

// Attributes, by the type of their value.
func attributeInt(name string, v int64) message {
	return message(nil).text(1, name).number(3, uint64(v)).number(20, 2)
}

func attributeInts(name string, values ...int64) message {
	m := message(nil).text(1, name)
	for _, v := range values {
		m = m.number(8, uint64(v))
	}
	return m.number(20, 7)
}

func attributeFloats(name string, values ...float32) message {
	m := message(nil).text(1, name)
	for _, v := range values {
		m = protowire.AppendFixed32(protowire.AppendTag(m, 7, protowire.Fixed32Type), math.Float32bits(v))
	}
	return m.number(20, 6)
}

func attributeText(name, v string) message {
	return message(nil).text(1, name).text(4, v).number(20, 3)
}

func attributeTexts(name string, values ...string) message {
	m := message(nil).text(1, name)
	for _, v := range values {
		m = m.text(9, v)
	}
	return m.number(20, 8)
}

func attributeGraph(name string, g message) message {
	return message(nil).text(1, name).body(6, g).number(20, 5)
}

// parts are what a graph is put together from.
type parts struct {
	nodes, weights, inputs, outputs []message
	opsets                          []message
	ir                              uint64
	extra                           message // behind the graph
}

func (p parts) graph() message {
	var g message
	for _, n := range p.nodes {
		g = g.body(1, n)
	}
	g = g.text(2, "graph")
	for _, w := range p.weights {
		g = g.body(5, w)
	}
	for _, in := range p.inputs {
		g = g.body(11, in)
	}
	for _, out := range p.outputs {
		g = g.body(12, out)
	}
	return g
}

func (p parts) model() []byte {
	m := message(nil).number(1, p.ir).text(2, "brokenmodel").body(7, p.graph())
	for _, o := range p.opsets {
		m = m.body(8, o)
	}
	return append(m, p.extra...)
}

func opset(domain string, version uint64) message {
	return message(nil).text(1, domain).number(2, version)
}

// sound is a classifier of four numbers in which nothing is wrong: a hidden
// layer of three, two classes.
func sound() parts {
	return parts{
		ir:     8,
		opsets: []message{opset("", 17)},
		nodes: []message{
			node("Gemm", []string{"x", "w1", "b1"}, []string{"pre"}),
			node("Relu", []string{"pre"}, []string{"hidden"}),
			node("Gemm", []string{"hidden", "w2", "b2"}, []string{"scores"}),
			node("Softmax", []string{"scores"}, []string{"probabilities"}, attributeInt("axis", 1)),
			node("ArgMax", []string{"scores"}, []string{"label"}, attributeInt("axis", 1), attributeInt("keepdims", 0)),
		},
		weights: []message{
			tensor("w1", typeFloat, floats(1, 0.1, -0.2, 0.1, 1, 0.1, 0, 0.2, 1, 0.1, -0.1, 0.05), 4, 3),
			tensor("b1", typeFloat, floats(0.1, 0.2, 0.3), 3),
			tensor("w2", typeFloat, floats(-2, 2, -2, 2, 1, -1), 3, 2),
			tensor("b2", typeFloat, floats(0.5, -0.5), 2),
		},
		inputs:  []message{value("x", typeFloat, -1, 4)},
		outputs: []message{value("label", typeInt64, -1), value("probabilities", typeFloat, -1, 2)},
	}
}

// Sound is a small classifier in which nothing is wrong, the one that the broken files are made from.
func Sound() []byte { return sound().model() }
