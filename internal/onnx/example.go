package onnx

import "slices"

// maxSteps bounds how far a value is followed through operators that pass it on.
const maxSteps = 16

// passesOn tells that an operator hands a column on, value by value. Exporters
// also pick columns that are alone.
func passesOn(op string) bool {
	return slices.Contains([]string{"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Gather", "ArrayFeatureExtractor"}, op)
}

// categories are values that operators know, by the operator's output.
type categories map[string]any

// note keeps the first value that a OneHotEncoder knows: it may refuse others.
func (c categories) note(n Node, attribute string, ints []int64, words []string) {
	switch {
	case n.Op != "OneHotEncoder" || len(n.Outputs) != 1:
	case attribute == "cats_int64s" && len(ints) > 0:
		c[n.Outputs[0]] = float64(ints[0])
	case attribute == "cats_strings" && len(words) > 0:
		c[n.Outputs[0]] = words[0]
	}
}

// examples finds, by input, a value that the operators behind it know.
func (r *reader) examples(inputs []Info) map[string]any {
	readers := map[string][]Node{}
	for _, n := range r.nodes {
		if len(n.Inputs) > 0 && len(n.Outputs) == 1 {
			readers[n.Inputs[0]] = append(readers[n.Inputs[0]], n)
		}
	}
	out := map[string]any{}
	for _, in := range inputs {
		names := []string{in.Name}
		for range maxSteps {
			var next []string
			for _, name := range names {
				for _, n := range readers[name] {
					if v, ok := r.categories[n.Outputs[0]]; ok && out[in.Name] == nil {
						out[in.Name] = v
					}
					if passesOn(n.Op) {
						next = append(next, n.Outputs[0])
					}
				}
			}
			if names = next; len(names) == 0 || len(names) > maxSteps {
				break
			}
		}
	}
	return out
}
