package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Graph is what a model's file says of itself.
type Graph struct {
	Inputs  []onnx.Info `json:"inputs"`
	Outputs []onnx.Info `json:"outputs"`
	// Operators counts the nodes by operator; those outside ai.onnx are written "domain.operator".
	Operators map[string]int `json:"operators"`
	// Opsets maps domains of operators to the versions that the model asks for.
	Opsets    map[string]int64 `json:"opsets"`
	IRVersion int64            `json:"ir_version"`
	// Producer is the program that wrote the file, with its version; empty if it does not say.
	Producer string `json:"producer,omitempty"`
	// Parameters counts the learned numbers, Tensors what they stand in.
	Parameters int64 `json:"parameters"`
	Tensors    int   `json:"tensors"`
	Bytes      int   `json:"bytes"` // of the file
}

// Domains of operators that every runtime has.
const (
	standardDomain = "ai.onnx"
	classicDomain  = "ai.onnx.ml" // trees, linear models, encoders
)

func describeGraph(g *onnx.Graph, size int) *Graph {
	out := &Graph{
		Inputs: g.Inputs, Outputs: g.Outputs, Operators: map[string]int{}, Opsets: g.Opsets, IRVersion: g.IRVersion,
		Producer: strings.TrimSpace(g.Producer + " " + g.ProducerVersion), Parameters: g.ParameterCount(), Tensors: len(g.Parameters), Bytes: size,
	}
	for _, n := range g.Nodes {
		out.Operators[operator(n)]++
	}
	return out
}

// operator names a node's operator, with its domain unless that is the standard one.
func operator(n onnx.Node) string {
	if d := domain(n); d != standardDomain {
		return d + "." + n.Op
	}
	return n.Op
}

func domain(n onnx.Node) string {
	if n.Domain == "" {
		return standardDomain
	}
	return n.Domain
}

// operators says which operators the model is made of (C1), and refuses those
// of domains that the spec does not allow: they bind the model to one runtime.
func (s *suite) operators() Test {
	allowed := append([]string{standardDomain, classicDomain}, s.in.Spec.OperatorDomains...)
	foreign := map[string]bool{}
	for _, n := range s.graph.Nodes {
		if !slices.Contains(allowed, domain(n)) && !slices.Contains(s.graph.Functions, n.Domain+"."+n.Op) {
			foreign[domain(n)] = true
		}
	}
	g := s.report.Graph
	value := fmt.Sprintf("%d nodes of %d operators", len(s.graph.Nodes), len(g.Operators))
	opsets := make([]string, 0, len(g.Opsets))
	for _, d := range slices.Sorted(maps.Keys(g.Opsets)) {
		opsets = append(opsets, fmt.Sprintf("%s %d", d, g.Opsets[d]))
	}
	detail := fmt.Sprintf("%s; opset %s, IR version %d, %d bytes", histogram(g.Operators), strings.Join(opsets, ", "), g.IRVersion, g.Bytes)
	if g.Producer != "" {
		detail += ", written by " + g.Producer
	}
	limit := "domains " + strings.Join(allowed, ", ")
	t := pass(value, limit, "%s", detail)
	if g.IRVersion < 1 {
		return t.failed("the file states no version of its format (ir_version); export it again with a current exporter")
	}
	if len(foreign) > 0 {
		return t.failed("operators of other domains: %s; export the model without them, or allow them with model.operator_domains",
			strings.Join(slices.Sorted(maps.Keys(foreign)), ", "))
	}
	return t
}

// histogram writes the operators, the most frequent first, of very many the first ones.
func histogram(counts map[string]int) string {
	const most = 12
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, 0, min(len(names), most+1))
	for i, name := range names {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
