package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Parameter is a tensor of learned floating-point numbers: a float initialiser
// (or Constant) that feeds an operator as a weight, or a learned attribute of
// an ai.onnx.ml operator. Constants such as the bounds of a Clip, batch
// statistics and integer tensors (shapes, indices) are no parameters.
type Parameter struct {
	// Name is the tensor's or the attribute's name; Layer is the node that uses it first.
	Name, Layer string
	Type        Type
	Shape       []int64
	Count       int64

	spans []span
}

// ErrEncoding says that a parameter's numbers are stored in a form that cannot be patched in place.
var ErrEncoding = errors.New("numbers are stored as variable-length integers")

// learnedAttribute tells the attributes of ai.onnx.ml operators that training
// sets and on which the output depends smoothly. Thresholds of trees are learned
// too, but an output has no derivative by them.
func learnedAttribute(op, attribute string) bool {
	switch op {
	case "LinearClassifier", "LinearRegressor":
		return attribute == "coefficients" || attribute == "intercepts"
	case "SVMClassifier", "SVMRegressor":
		return attribute == "coefficients" || attribute == "rho" || attribute == "support_vectors"
	case "TreeEnsembleClassifier":
		return attribute == "class_weights" || attribute == "class_weights_as_tensor"
	case "TreeEnsembleRegressor":
		return attribute == "target_weights" || attribute == "target_weights_as_tensor"
	case "TreeEnsemble":
		return attribute == "leaf_weights"
	}
	return false
}

// constantSlot tells that input number slot of an operator is a setting, a
// bound or a statistic, not a weight.
func constantSlot(op string, slot int) bool {
	switch op {
	case "BatchNormalization":
		return slot >= 3 // running mean and variance
	case "Clip", "Pow", "Pad", "Dropout", "Resize", "Upsample", "OneHot", "Where",
		"QuantizeLinear", "DequantizeLinear":
		return slot >= 1
	case "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mod",
		"Range", "NonMaxSuppression", "Loop", "If", "Scan":
		return true
	}
	return false
}

// forwards tells that an operator hands its first input on, so that what reads its output reads the weight.
func forwards(op string) bool {
	switch op {
	case "Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze":
		return true
	}
	return false
}

// parameters picks the learned tensors and names the layer that uses each.
func (r *reader) parameters() ([]Parameter, error) {
	type use struct{ node, slot int }
	users := map[string][]use{}
	for i, n := range r.nodes {
		for slot, name := range n.Inputs {
			users[name] = append(users[name], use{i, slot})
		}
	}
	// layer finds the node whose weight slot a value reaches first, "" if none.
	// What was seen is remembered, so that hostile cycles and fans cost nothing.
	seen := map[string]string{}
	var layer func(name string, depth int) string
	layer = func(name string, depth int) string {
		if found, ok := seen[name]; ok || depth > maxDepth {
			return found
		}
		seen[name] = ""
		for _, u := range users[name] {
			n := r.nodes[u.node]
			found := ""
			switch {
			case forwards(n.Op) && u.slot == 0 && len(n.Outputs) > 0:
				found = layer(n.Outputs[0], depth+1)
			case !constantSlot(n.Op, u.slot):
				found = n.Name
			}
			if found != "" {
				seen[name] = found
				break
			}
		}
		return seen[name]
	}

	var out []Parameter
	add := func(t tensor, layer string) error {
		count, err := elements(t.dims)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.name, err)
		}
		if count > 0 {
			out = append(out, Parameter{Name: t.name, Layer: layer, Type: t.kind, Shape: t.dims, Count: count, spans: t.spans})
		}
		return nil
	}
	for _, t := range r.tensors {
		// A tensor without dimensions is a factor or an epsilon that the exporter wrote.
		if t.kind.width() == 0 || len(t.dims) == 0 || t.name == "" {
			continue
		}
		if found := layer(t.name, 0); found != "" {
			if err := add(t, found); err != nil {
				return nil, err
			}
		}
	}
	for _, a := range r.learned {
		if a.tensor.kind.width() > 0 {
			if err := add(a.tensor, a.layer); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// ParameterCount is the number of learned numbers in the model.
func (g *Graph) ParameterCount() int64 {
	n := int64(0)
	for _, p := range g.Parameters {
		n += p.Count
	}
	return n
}

// Values reads a parameter, row-major. The error wraps ErrEncoding for 16-bit
// floats that are not stored as raw bytes.
func (g *Graph) Values(p Parameter) ([]float64, error) {
	if p.spans == nil {
		return nil, fmt.Errorf("read parameter %s: %w", p.Name, ErrEncoding)
	}
	out := make([]float64, 0, p.Count)
	for _, s := range p.spans {
		for i := range s.count {
			out = append(out, decode(g.model[s.at+i*s.stride:], p.Type))
		}
	}
	return out, nil
}

// Perturb returns a copy of the model in which delta is added to one number of
// a parameter; index counts row-major. Rounding to the parameter's type applies.
func (g *Graph) Perturb(p Parameter, index int64, delta float64) ([]byte, error) {
	if index < 0 || index >= p.Count {
		return nil, fmt.Errorf("move parameter %s: index %d is outside [0,%d)", p.Name, index, p.Count)
	}
	return g.PerturbAll(p, func(i int64) float64 {
		if i == index {
			return delta
		}
		return 0
	})
}

// PerturbAll returns a copy of the model in which delta(i) is added to number i
// of a parameter, for every i. The bytes are patched in place: nothing else changes.
func (g *Graph) PerturbAll(p Parameter, delta func(index int64) float64) ([]byte, error) {
	if p.spans == nil {
		return nil, fmt.Errorf("move parameter %s: %w", p.Name, ErrEncoding)
	}
	model := append([]byte(nil), g.model...)
	index := int64(0)
	for _, s := range p.spans {
		for i := range s.count {
			if d := delta(index); d != 0 {
				at := model[s.at+i*s.stride:]
				encode(at, p.Type, decode(at, p.Type)+d)
			}
			index++
		}
	}
	return model, nil
}

func decode(b []byte, t Type) float64 {
	switch t {
	case Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case Float16:
		return halfToFloat(binary.LittleEndian.Uint16(b))
	case BFloat16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	default:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
}

func encode(b []byte, t Type, v float64) {
	switch t {
	case Float64:
		binary.LittleEndian.PutUint64(b, math.Float64bits(v))
	case Float16:
		binary.LittleEndian.PutUint16(b, floatToHalf(v))
	case BFloat16:
		// Half a unit in the last place added before truncation rounds to nearest.
		binary.LittleEndian.PutUint16(b, uint16((math.Float32bits(float32(v))+0x8000)>>16))
	default:
		binary.LittleEndian.PutUint32(b, math.Float32bits(float32(v)))
	}
}
