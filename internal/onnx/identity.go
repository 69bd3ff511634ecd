package onnx

import "google.golang.org/protobuf/encoding/protowire"

// identityModel is a model with one Identity from x to y, both float32 [1]: the
// least that shows whether a device runs anything.
func identityModel() []byte {
	dim := varint(nil, 1, 1)
	tensorType := body(varint(nil, 1, 1), 2, body(nil, 1, dim))
	value := func(name string) []byte {
		return body(body(nil, 1, []byte(name)), 2, body(nil, 1, tensorType))
	}
	node := body(body(body(nil, 1, []byte("x")), 2, []byte("y")), 4, []byte("Identity"))
	graph := body(nil, 1, node)
	graph = body(graph, 2, []byte("probe"))
	graph = body(graph, 11, value("x"))
	graph = body(graph, 12, value("y"))
	model := varint(nil, 1, 8) // ir_version
	model = body(model, 7, graph)
	return body(model, 8, varint(nil, 2, 13)) // opset_import
}

func varint(to []byte, id protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, id, protowire.VarintType), v)
}

func body(to []byte, id protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, id, protowire.BytesType), b)
}
