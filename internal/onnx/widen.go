package onnx

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// widened is a model whose outputs of 16-bit floating-point numbers come as
// float32 too, which loses nothing: the native binding (onnxruntime_go 1.27) copies
// only half of the bytes of an output whose type it has no Go type for.
type widened struct {
	model   []byte
	outputs []string // to ask for, in the model's order
	halves  []Type   // what an output is by right; empty: it is what it is
}

// widenHalves appends a Cast for each output of 16-bit numbers. A protobuf message
// that occurs twice is merged, so a fragment of a graph behind the model adds to its graph.
func widenHalves(model []byte, g *Graph) widened {
	out := widened{model: model, outputs: names(g.Outputs), halves: make([]Type, len(g.Outputs))}
	var fragment []byte
	for i, info := range g.Outputs {
		if !info.Type.Half() {
			continue
		}
		out.halves[i], out.outputs[i] = info.Type, g.unused(info.Name+"_as_float32")
		fragment = appendMessage(fragment, 1, castNode(info.Name, out.outputs[i]))
		fragment = appendMessage(fragment, 12, floatOutput(out.outputs[i]))
	}
	if fragment != nil {
		out.model = appendMessage(slices.Clone(model), 7, fragment)
	}
	return out
}

// unused is a name that no value of the graph has.
func (g *Graph) unused(name string) string {
	for slices.ContainsFunc(g.Nodes, func(n Node) bool { return slices.Contains(n.Outputs, name) || slices.Contains(n.Inputs, name) }) {
		name += "_"
	}
	return name
}

// castNode is a NodeProto.
func castNode(from, to string) []byte {
	var attribute []byte
	attribute = appendMessage(attribute, 1, []byte("to"))
	attribute = appendNumber(attribute, 3, 1)  // float32
	attribute = appendNumber(attribute, 20, 2) // the attribute is an integer
	var node []byte
	node = appendMessage(node, 1, []byte(from))
	node = appendMessage(node, 2, []byte(to))
	node = appendMessage(node, 4, []byte("Cast"))
	return appendMessage(node, 5, attribute)
}

// floatOutput is a ValueInfoProto of any shape.
func floatOutput(name string) []byte {
	tensor := appendNumber(nil, 1, 1) // float32
	return appendMessage(appendMessage(nil, 1, []byte(name)), 2, appendMessage(nil, 1, tensor))
}

func appendMessage(b []byte, id protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, id, protowire.BytesType), body)
}

func appendNumber(b []byte, id protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, id, protowire.VarintType), v)
}
