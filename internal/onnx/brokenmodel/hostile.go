package brokenmodel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func sortByName(models []Model) {
	slices.SortFunc(models, func(a, b Model) int { return cmp.Compare(a.Name, b.Name) })
}

// externals keeps a weight in another file, where it may belong or not.
func externals() []Model {
	var out []Model
	for i, location := range []string{
		"weights.bin", "../weights.bin", "../../../../../../etc/passwd", "/etc/passwd", "/dev/zero", "/proc/self/environ", "C:\\weights.bin",
		"http://127.0.0.1/weights.bin", "", strings.Repeat("../", 200) + "etc/shadow", "a\x00b",
	} {
		out = append(out, changed(fmt.Sprintf("external-%02d", i), func(p *parts) {
			w := message(nil).number(1, 4).number(1, 3).number(2, typeFloat).text(8, "w1")
			for _, entry := range [][2]string{{"location", location}, {"offset", "0"}, {"length", "48"}} {
				w = w.body(13, message(nil).text(1, entry[0]).text(2, entry[1]))
			}
			p.weights[0] = w.number(14, 1)
		}))
	}
	return out
}

// nested puts graphs into graphs, types into types, and lets functions call themselves.
func nested() []Model {
	var out []Model
	for _, depth := range []int{40, 100, 500, 2000} {
		out = append(out, changed(fmt.Sprintf("nested-graphs-%d", depth), func(p *parts) {
			inner := parts{nodes: []message{node("Identity", []string{"pre"}, []string{"out"})}, outputs: []message{value("out", typeFloat, -1, 3)}}.graph()
			for range depth {
				branch := node("If", []string{"yes"}, []string{"out"}, attributeGraph("then_branch", inner), attributeGraph("else_branch", nil))
				inner = parts{nodes: []message{branch}, outputs: []message{value("out", typeFloat, -1, 3)}}.graph()
			}
			p.nodes[1] = node("If", []string{"yes"}, []string{"hidden"}, attributeGraph("then_branch", inner), attributeGraph("else_branch", inner))
			p.weights = append(p.weights, tensor("yes", 9, []byte{1}))
		}))
		out = append(out, changed(fmt.Sprintf("nested-types-%d", depth), func(p *parts) {
			kind := message(nil).body(1, message(nil).number(1, typeFloat))
			for range depth {
				kind = message(nil).body(4, message(nil).body(1, kind))
			}
			p.outputs[1] = message(nil).text(1, "probabilities").body(2, kind)
		}))
	}
	function := func(name string, calls string) message {
		f := message(nil).text(1, name).text(4, "a").text(5, "b")
		return f.body(7, nodeOf("own", calls, []string{"a"}, []string{"b"})).body(9, opset("", 17)).body(9, opset("own", 1)).text(10, "own")
	}
	recursive := func(name string, functions ...message) Model {
		return changed(name, func(p *parts) {
			p.nodes[1] = nodeOf("own", "f", []string{"pre"}, []string{"hidden"})
			p.opsets = append(p.opsets, opset("own", 1))
			for _, f := range functions {
				p.extra = p.extra.body(25, f)
			}
		})
	}
	return append(out,
		recursive("function-calls-itself", function("f", "f")),
		recursive("function-calls-in-turn", function("f", "g"), function("g", "f")),
		recursive("function-missing"),
	)
}

// operators uses operators that do not exist, or not so.
func operators() []Model {
	second := func(name string, n message) Model {
		return changed("operator-"+name, func(p *parts) { p.nodes[1] = n })
	}
	in, out := []string{"pre"}, []string{"hidden"}
	return []Model{
		second("unknown", node("Frobnicate", in, out)),
		second("nameless", node("", in, out)),
		second("foreign", nodeOf("com.example", "Relu", in, out)),
		second("contrib", nodeOf("com.microsoft", "Gelu", in, out)),
		second("no-inputs", node("Relu", nil, out)),
		second("no-outputs", node("Relu", in, nil)),
		second("too-many-inputs", node("Relu", []string{"pre", "pre", "pre"}, out)),
		second("attribute-unknown", node("Relu", in, out, attributeInt("colour", 3))),
		second("attribute-of-wrong-type", node("Softmax", in, out, attributeText("axis", "one"))),
		second("axis-99", node("Softmax", in, out, attributeInt("axis", 99))),
		second("reshape-to-nothing", node("Reshape", []string{"pre", "b1"}, out)),
		second("concat-axis", node("Concat", in, out, attributeInt("axis", -99))),
		second("if-without-branches", node("If", in, out)),
		second("loop-without-body", node("Loop", []string{"", "", "pre"}, out)),
		second("loop-with-empty-body", node("Loop", []string{"", "", "pre"}, out, attributeGraph("body", nil))),
		second("scan-with-empty-body", node("Scan", in, out, attributeGraph("body", nil), attributeInt("num_scan_inputs", 1))),
		second("einsum", node("Einsum", in, out, attributeText("equation", strings.Repeat("ij,", 500)+"->"))),
		second("transpose-permutation", node("Transpose", in, out, attributeInts("perm", 5, -1))),
		second("unsqueeze", node("Unsqueeze", []string{"pre", "w1"}, out)),
	}
}

// trees spoils the arrays of a tree ensemble, which index each other.
func trees() []Model {
	ensemble := func(name string, attributes ...message) Model {
		return changed("tree-"+name, func(p *parts) {
			p.nodes = []message{nodeOf("ai.onnx.ml", "TreeEnsembleClassifier", []string{"x"}, []string{"label", "probabilities"}, attributes...)}
			p.weights = nil
			p.opsets = append(p.opsets, opset("ai.onnx.ml", 1))
		})
	}
	tree := func(trueIDs, falseIDs, features, classNodes, classIDs []int64, modes ...string) []message {
		return []message{
			attributeInts("classlabels_int64s", 0, 1), attributeInts("nodes_treeids", 0, 0, 0), attributeInts("nodes_nodeids", 0, 1, 2),
			attributeInts("nodes_featureids", features...), attributeFloats("nodes_values", 0, 0, 0), attributeTexts("nodes_modes", modes...),
			attributeInts("nodes_truenodeids", trueIDs...), attributeInts("nodes_falsenodeids", falseIDs...),
			attributeInts("class_treeids", 0, 0), attributeInts("class_nodeids", classNodes...), attributeInts("class_ids", classIDs...), attributeFloats("class_weights", 1, 1),
		}
	}
	yes, no, features := []int64{1, 0, 0}, []int64{2, 0, 0}, []int64{0, 0, 0}
	return []Model{
		ensemble("no-attributes"),
		ensemble("cycle", tree([]int64{1, 0, 0}, []int64{2, 0, 0}, features, []int64{1, 2}, []int64{0, 1}, "BRANCH_LEQ", "BRANCH_LEQ", "LEAF")...),
		ensemble("own-child", tree([]int64{0, 0, 0}, no, features, []int64{1, 2}, []int64{0, 1}, "BRANCH_LEQ", "LEAF", "LEAF")...),
		ensemble("child-beyond", tree([]int64{1 << 40, 0, 0}, no, features, []int64{1, 2}, []int64{0, 1}, "BRANCH_LEQ", "LEAF", "LEAF")...),
		ensemble("feature-beyond", tree(yes, no, []int64{1 << 30, 0, 0}, []int64{1, 2}, []int64{0, 1}, "BRANCH_LEQ", "LEAF", "LEAF")...),
		ensemble("feature-negative", tree(yes, no, []int64{-1 << 30, 0, 0}, []int64{1, 2}, []int64{0, 1}, "BRANCH_LEQ", "LEAF", "LEAF")...),
		ensemble("class-beyond", tree(yes, no, features, []int64{1, 2}, []int64{0, 1 << 30}, "BRANCH_LEQ", "LEAF", "LEAF")...),
		ensemble("class-of-no-leaf", tree(yes, no, features, []int64{77, 78}, []int64{0, 1}, "BRANCH_LEQ", "LEAF", "LEAF")...),
		ensemble("mode-unknown", tree(yes, no, features, []int64{1, 2}, []int64{0, 1}, "BRANCH_SIDEWAYS", "LEAF", "LEAF")...),
		ensemble("lengths-differ", tree(yes[:1], no, features, []int64{1, 2}, []int64{0, 1}, "BRANCH_LEQ", "LEAF", "LEAF")...),
	}
}

// running breaks only while it runs: memory without end, time without end, answers that are none.
func running() []Model {
	second := func(name string, weights []message, nodes ...message) Model {
		return changed("running-"+name, func(p *parts) {
			p.nodes = slices.Concat(p.nodes[:1:1], nodes, p.nodes[2:])
			p.weights = append(p.weights, weights...)
		})
	}
	mean := node("ReduceMean", []string{"big"}, []string{"one"})
	add := node("Add", []string{"pre", "one"}, []string{"hidden"})
	body := parts{
		nodes:   []message{node("Identity", []string{"go"}, []string{"go_on"}), node("Sin", []string{"state"}, []string{"next"})},
		inputs:  []message{value("i", typeInt64), value("go", 9), value("state", typeFloat, -1, 3)},
		outputs: []message{value("go_on", 9), value("next", typeFloat, -1, 3)},
	}.graph()
	shape := func(dims ...int64) []message {
		return []message{tensor("dims", typeInt64, ints(dims...), int64(len(dims)))}
	}
	return []Model{
		second("constant-of-shape", shape(1<<20, 1<<20), node("ConstantOfShape", []string{"dims"}, []string{"big"}), mean, add),
		second("constant-of-shape-negative", shape(-1<<40), node("ConstantOfShape", []string{"dims"}, []string{"big"}), mean, add),
		second("expand", shape(1<<36, 1, 3), node("Expand", []string{"pre", "dims"}, []string{"big"}), mean, add),
		second("tile", shape(1<<20, 1<<16), node("Tile", []string{"pre", "dims"}, []string{"big"}), mean, add),
		second("tile-negative", shape(-1, -1), node("Tile", []string{"pre", "dims"}, []string{"big"}), mean, add),
		second("gather-beyond", []message{tensor("dims", typeInt64, ints(99), 1)}, node("Gather", []string{"pre", "dims"}, []string{"hidden"}, attributeInt("axis", 1))),
		second("reshape-rows", shape(7, -1), node("Reshape", []string{"pre", "dims"}, []string{"hidden"})),
		second("endless", []message{tensor("trips", typeInt64, ints(1<<62), []int64{}...)}, node("Loop", []string{"trips", "", "pre"}, []string{"hidden"}, attributeGraph("body", body))),
		changed("running-nan", func(p *parts) { p.nodes[1] = node("Log", []string{"pre"}, []string{"hidden"}) }),
		changed("running-labels-are-text", func(p *parts) {
			p.nodes[4] = nodeOf("ai.onnx.ml", "LabelEncoder", []string{"index"}, []string{"label"}, attributeInts("keys_int64s", 0, 1), attributeTexts("values_strings", "no", "yes"))
			p.nodes = append(p.nodes, node("ArgMax", []string{"scores"}, []string{"index"}, attributeInt("axis", 1), attributeInt("keepdims", 0)))
			p.opsets, p.outputs[0] = append(p.opsets, opset("ai.onnx.ml", 3)), value("label", typeString, -1)
		}),
	}
}
