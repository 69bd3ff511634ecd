package modeltest

import (
	"fmt"
	"math"
	"strings"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// parameterCount reads the graph and counts what was learned (C1).
func (s *suite) parameterCount() Test {
	graph, err := onnx.ReadGraph(s.in.Model)
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	s.graph = graph
	s.report.Graph = describeGraph(graph, len(s.in.Model))
	count := graph.ParameterCount()
	s.report.measure("parameters", float64(count))
	if count == 0 {
		return fail(count, "> 0", "the graph holds no learned numbers; was the model exported after training?")
	}
	return pass(count, "> 0", "%d tensors in %d operators", len(graph.Parameters), len(graph.Nodes))
}

// forwardPass maps the first rows onto the model's inputs, runs them and reads
// the answers (C1). What follows relies on it.
func (s *suite) forwardPass() Test {
	mapper, err := feature.NewMapper(s.session.Inputs())
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	s.mapper = mapper
	rows := min(s.batch, s.in.Test.Rows())
	if rows == 0 {
		return fail(nil, nil, "%s holds no rows", s.in.Test.Name())
	}
	in, err := s.inputs(0, rows)
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	out, err := s.session.Run(s.ctx, in)
	if err != nil {
		return fail(nil, nil, "%s: %s", s.lines(0, rows), err)
	}
	shapes := make([]string, len(out))
	for i, t := range out {
		shapes[i] = fmt.Sprintf("%s %s%v", t.Name, t.Type, t.Shape)
	}
	shape := strings.Join(shapes, ", ")
	predictions, err := feature.Predictions(out, s.in.Spec.Outputs, s.in.Spec.Task)
	if err != nil {
		return fail(shape, nil, "%s", err)
	}
	if len(predictions) != rows {
		return fail(shape, nil, "%d rows went in, %d predictions came out", rows, len(predictions))
	}
	s.answered = true
	for i, stated := range s.session.Outputs() {
		if !stated.Fits(out[i].Shape) {
			return fail(shape, nil, "the model states output %s, what comes is %v: callers rely on the shape; export the model with dynamic sizes", stated, out[i].Shape)
		}
	}
	if where, ok := allFinite(out); !ok {
		return fail(shape, "finite", "%s is not finite", where)
	}
	return pass(shape, "finite", "%d rows; inputs %s", rows, describeInputs(s.session.Inputs()))
}

// describeInputs names the inputs; of very many the first few.
func describeInputs(inputs []onnx.Info) string {
	const most = 30
	parts := make([]string, 0, min(len(inputs), most+1))
	for i, in := range inputs {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(inputs)-i))
			break
		}
		parts = append(parts, in.String())
	}
	return strings.Join(parts, ", ")
}

// allFinite looks for NaN and infinities and says where the first one is.
func allFinite(out []onnx.Tensor) (string, bool) {
	for _, t := range out {
		if !t.Type.Float() {
			continue
		}
		for i, v := range t.Numbers() {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				row := int64(i) / max(1, int64(t.Len())/max(1, t.Rows()))
				return fmt.Sprintf("output %s of row %d", t.Name, row+1), false
			}
		}
	}
	return "", true
}
