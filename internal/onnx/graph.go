package onnx

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Graph is what a model file says of itself. Field numbers are those of
// onnx.proto3 (ONNX IR version 3 to 12).
type Graph struct {
	// Inputs are the graph inputs that have no stored value, in order.
	Inputs []Info
	// Outputs are the graph outputs in order. A sequence of maps from class to
	// float counts as a float32 matrix, which is what Session.Run makes of it.
	Outputs []Info
	// Opsets maps operator domains to versions; the standard domain is "ai.onnx".
	Opsets map[string]int64
	// Nodes are the operators, those of subgraphs included.
	Nodes []Node
	// Parameters are the learned numbers.
	Parameters []Parameter
	// IRVersion is the version of the file format; Producer and
	// ProducerVersion are the program that wrote it, where it says so.
	IRVersion                 int64
	Producer, ProducerVersion string
	// Functions are the operators that the model defines itself, as "domain.name".
	Functions []string
	// Examples are values that the model knows, a string or a float64 by input, for
	// inputs that go into a OneHotEncoder: it may refuse all others.
	Examples map[string]any

	model []byte
}

// Node is one operator. Name is made unique ("Gemm#3") where the model gives none.
type Node struct {
	Op, Domain, Name string
	Inputs, Outputs  []string
}

// maxDepth bounds nested subgraphs and types.
const maxDepth = 32

var errDepth = fmt.Errorf("nested deeper than %d levels", maxDepth)

// ReadGraph reads an ONNX model. The error wraps ErrInvalidModel and says where
// the bytes stop making sense. The Graph keeps model, which must not change.
func ReadGraph(model []byte) (*Graph, error) {
	r := reader{stored: map[string]bool{}, categories: categories{}}
	g := &Graph{Opsets: map[string]int64{}, model: model}
	err := r.model(message{data: model}, g)
	if err == nil {
		err = r.finish(g)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w; check that the file is complete and was exported as ONNX", ErrInvalidModel, err)
	}
	return g, nil
}

// reader collects what the graph and its subgraphs hold.
type reader struct {
	nodes  []Node
	inputs []Info // of the main graph, stored ones included
	// tensors are initialisers, constants and learned attributes, named by the value or attribute they are.
	tensors    []tensor
	learned    []attributeTensor
	stored     map[string]bool
	categories categories
}

func (r *reader) model(m message, g *Graph) error {
	graphs := 0
	err := m.fields(func(f field) error {
		switch f.id {
		case 1:
			g.IRVersion = int64(f.number)
		case 2:
			g.Producer = f.text()
		case 3:
			g.ProducerVersion = f.text()
		case 7: // graph
			if graphs++; graphs > 1 {
				return errors.New("two graphs in one model")
			}
			return r.graph(f.body, g, 0)
		case 8: // opset_import
			return readOpset(f.body, g.Opsets)
		case 25: // functions
			return r.function(f.body, g)
		}
		return nil
	})
	if err == nil && graphs == 0 {
		return errors.New("there is no graph")
	}
	return err
}

// function notes an operator that the model defines. Its nodes are not read:
// their weights come in through the node that uses it.
func (r *reader) function(m message, g *Graph) error {
	name, domain := "", ""
	err := m.fields(func(f field) error {
		switch f.id {
		case 1:
			name = f.text()
		case 10:
			domain = f.text()
		}
		return nil
	})
	g.Functions = append(g.Functions, domain+"."+name)
	return err
}

func readOpset(m message, opsets map[string]int64) error {
	domain, version := "", int64(0)
	err := m.fields(func(f field) error {
		switch f.id {
		case 1:
			domain = f.text()
		case 2:
			version = int64(f.number)
		}
		return nil
	})
	if domain == "" {
		domain = "ai.onnx"
	}
	opsets[domain] = version
	return err
}

// graph reads a graph; depth 0 is the main one, whose inputs and outputs count.
func (r *reader) graph(m message, g *Graph, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	return m.fields(func(f field) error {
		switch f.id {
		case 1: // node
			return r.node(f.body, g, depth)
		case 5: // initializer
			t, err := readTensor(f.body)
			if err != nil {
				return err
			}
			if depth == 0 && r.stored[t.name] {
				return fmt.Errorf("tensor %q is stored twice", t.name)
			}
			r.stored[t.name] = true
			r.tensors = append(r.tensors, t)
			return nil
		case 15: // sparse_initializer
			return f.body.fields(func(f field) error {
				if f.id != 1 { // values
					return nil
				}
				t, err := readTensor(f.body)
				r.stored[t.name] = true
				return err
			})
		case 11, 12: // input, output
			if depth > 0 {
				return nil
			}
			info, err := readInfo(f.body)
			if err != nil {
				return err
			}
			if f.id == 11 {
				r.inputs = append(r.inputs, info)
			} else {
				g.Outputs = append(g.Outputs, info)
			}
		}
		return nil
	})
}

func (r *reader) node(m message, g *Graph, depth int) error {
	index := len(r.nodes)
	r.nodes = append(r.nodes, Node{})
	var n Node
	var attributes []message
	err := m.fields(func(f field) error {
		switch f.id {
		case 1:
			n.Inputs = append(n.Inputs, f.text())
		case 2:
			n.Outputs = append(n.Outputs, f.text())
		case 3:
			n.Name = f.text()
		case 4:
			n.Op = f.text()
		case 5:
			attributes = append(attributes, f.body)
		case 7:
			n.Domain = f.text()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n.Name == "" {
		n.Name = fmt.Sprintf("%s#%d", n.Op, index)
	}
	r.nodes[index] = n
	for _, a := range attributes {
		if err := r.attribute(a, n, g, depth); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
	}
	return nil
}

// attribute reads what may hold learned numbers or further nodes.
func (r *reader) attribute(m message, n Node, g *Graph, depth int) error {
	name := ""
	var floats []span
	var ints []int64
	var words []string
	var tensors, graphs []message
	err := m.fields(func(f field) (err error) {
		switch f.id {
		case 1:
			name = f.text()
		case 5: // t
			tensors = append(tensors, f.body)
		case 6, 11: // g, graphs
			graphs = append(graphs, f.body)
		case 7: // floats
			if f.kind == protowire.Fixed32Type || f.kind == protowire.BytesType {
				floats, err = f.spans(floats, 4)
			}
		case 8: // ints
			if len(ints) == 0 {
				ints, err = f.varints(nil)
			}
		case 9: // strings
			words = append(words, f.text())
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, sub := range graphs {
		if err := r.graph(sub, g, depth+1); err != nil {
			return err
		}
	}
	r.categories.note(n, name, ints, words)
	if learnedAttribute(n.Op, name) && len(floats) > 0 {
		t := tensor{name: name, kind: Float32, spans: floats}
		t.dims = []int64{t.stored()}
		r.learned = append(r.learned, attributeTensor{layer: n.Name, tensor: t})
	}
	for _, body := range tensors {
		t, err := readTensor(body)
		if err != nil {
			return err
		}
		switch {
		case n.Op == "Constant" && name == "value" && len(n.Outputs) == 1:
			// Some exporters write weights as Constant nodes.
			t.name = n.Outputs[0]
			r.tensors = append(r.tensors, t)
		case learnedAttribute(n.Op, name):
			t.name = name
			r.learned = append(r.learned, attributeTensor{layer: n.Name, tensor: t})
		}
	}
	return nil
}

// finish derives inputs and parameters once everything was seen.
func (r *reader) finish(g *Graph) error {
	g.Nodes = r.nodes
	for _, in := range r.inputs {
		// Until IR version 3 every initialiser was listed as an input too.
		if !r.stored[in.Name] {
			g.Inputs = append(g.Inputs, in)
		}
	}
	g.Examples = r.examples(g.Inputs)
	var err error
	g.Parameters, err = r.parameters()
	return err
}

// readInfo reads a ValueInfoProto.
func readInfo(m message) (Info, error) {
	info := Info{Type: Unknown}
	err := m.fields(func(f field) (err error) {
		switch f.id {
		case 1:
			info.Name = f.text()
		case 2:
			info.Type, info.Shape, err = readType(f.body, 0)
		}
		return err
	})
	return info, err
}

// readType reads a TypeProto. Besides tensors only the sequence of maps to
// float32 has a type here, that of the matrix Run makes of it.
func readType(m message, depth int) (kind Type, shape []int64, err error) {
	if depth > maxDepth {
		return Unknown, nil, errDepth
	}
	kind = Unknown
	err = m.fields(func(f field) error {
		switch f.id {
		case 1: // tensor_type
			var err error
			kind, shape, err = readTensorType(f.body)
			return err
		case 4: // sequence_type
			return f.body.fields(func(f field) error {
				if f.id != 1 {
					return nil
				}
				inner, err := readMapType(f.body, depth+1)
				if inner == Float32 {
					kind, shape = Float32, []int64{-1, -1}
				}
				return err
			})
		}
		return nil
	})
	return kind, shape, err
}

// readMapType returns the type of the scores if the TypeProto is a map, Unknown for others.
func readMapType(m message, depth int) (kind Type, err error) {
	kind = Unknown
	err = m.fields(func(f field) error {
		if f.id != 5 { // map_type
			return nil
		}
		return f.body.fields(func(f field) (err error) {
			if f.id == 2 { // value_type
				kind, _, err = readType(f.body, depth+1)
			}
			return err
		})
	})
	return kind, err
}

func readTensorType(m message) (kind Type, shape []int64, err error) {
	kind = Unknown
	err = m.fields(func(f field) error {
		switch f.id {
		case 1: // elem_type
			kind = elementType(f.number)
		case 2: // shape
			shape = []int64{}
			return f.body.fields(func(f field) error {
				if f.id != 1 { // dim
					return nil
				}
				size := int64(-1)
				err := f.body.fields(func(f field) error {
					if f.id == 1 { // dim_value; a dim_param names any size
						size = max(int64(f.number), -1)
					}
					return nil
				})
				shape = append(shape, size)
				return err
			})
		}
		return nil
	})
	return kind, shape, err
}
