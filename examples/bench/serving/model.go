package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Kinds of model, by what a row costs.
const (
	tiny  = "tiny"
	small = "small"
	large = "large"
)

// model is what every server serves.
type model struct {
	kind, name, file string
	row              []onnx.Tensor // one row
	outputs          []onnx.Info
	batch            int     // most rows of a batch, for every server that batches
	latencyMS        float64 // what callers of ours can rely on
}

// models are those that are there: without network.py's output there is no larger one.
func (b *bench) models() ([]model, error) {
	risk, err := newModel(tiny, "credit-risk", filepath.Join(b.source, "examples", "credit-risk", "models", "1.1.0.onnx"), 32)
	if err != nil {
		return nil, err
	}
	if risk.row, err = firstRow(risk.row, filepath.Join(b.source, "examples", "credit-risk", "data", "live.csv")); err != nil {
		return nil, err
	}
	digits, err := newModel(small, "mnist", filepath.Join(b.source, "examples", "mnist", "models", "1.0.0.onnx"), 64)
	if err != nil {
		return nil, err
	}
	out := []model{risk, digits}
	if _, err := os.Stat(b.network); err != nil {
		progress("no larger network: %v", err)
		return out, nil
	}
	network, err := newModel(large, "network", b.network, 64)
	if err != nil {
		return nil, err
	}
	return append(out, network), nil
}

// oneOf is the model of a kind, if it is among those that were asked for.
func oneOf(models []model, kind string) (model, bool) {
	i := slices.IndexFunc(models, func(m model) bool { return m.kind == kind })
	if i < 0 {
		return model{}, false
	}
	return models[i], true
}

// chosen are the models of these names; none given are all.
func chosen(models []model, names []string) ([]model, error) {
	var out []model
	for _, name := range names {
		i := slices.IndexFunc(models, func(m model) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("model %q is not there", name)
		}
		out = append(out, models[i])
	}
	if len(names) == 0 {
		out = models
	}
	return out, nil
}

// newModel reads a model's inputs and makes up a row of them, always the same.
func newModel(kind, name, file string, batch int) (model, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return model{}, err
	}
	graph, err := onnx.ReadGraph(data)
	if err != nil {
		return model{}, fmt.Errorf("%s: %w", file, err)
	}
	m := model{kind: kind, name: name, file: file, outputs: graph.Outputs, batch: batch, latencyMS: spec.DefaultMaxLatencyMS}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same row at each run
	for _, in := range graph.Inputs {
		t := onnx.Tensor{Name: in.Name, Type: in.Type, Shape: []int64{1}}
		n := int64(1)
		for _, d := range in.Shape[1:] {
			t.Shape = append(t.Shape, d)
			n *= d
		}
		switch in.Type {
		case onnx.Float32:
			for range n {
				t.Floats = append(t.Floats, float32(rng.IntN(256))) // a pixel; for the network any number will do
			}
		case onnx.String:
			t.Strings = make([]string, n)
		default:
			return m, fmt.Errorf("%s: input %s: no row of that type is made here", file, in)
		}
		m.row = append(m.row, t)
	}
	return m, nil
}

// firstRow fills tensors of one value each from the first row of a table.
func firstRow(in []onnx.Tensor, path string) ([]onnx.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	names, err := r.Read()
	if err != nil {
		return nil, err
	}
	values, err := r.Read()
	if err != nil {
		return nil, err
	}
	row := map[string]string{}
	for i, name := range names {
		row[name] = values[i]
	}
	for i, t := range in {
		value, ok := row[t.Name]
		if !ok {
			return nil, fmt.Errorf("%s has no column %q", path, t.Name)
		}
		if t.Type == onnx.String {
			in[i].Strings = []string{value}
			continue
		}
		number, err := strconv.ParseFloat(value, 32)
		if err != nil {
			return nil, fmt.Errorf("%s: column %s: %w", path, t.Name, err)
		}
		in[i].Floats = []float32{float32(number)}
	}
	return in, nil
}

// values of a tensor as JSON has them, flat.
func values(t onnx.Tensor) any {
	if t.Type == onnx.String {
		return t.Strings
	}
	return t.Floats
}

// protocolBody is the row in the Open Inference Protocol's JSON.
func (m model) protocolBody() ([]byte, error) {
	inputs := make([]map[string]any, len(m.row))
	for i, t := range m.row {
		datatype := "FP32"
		if t.Type == onnx.String {
			datatype = "BYTES"
		}
		inputs[i] = map[string]any{"name": t.Name, "datatype": datatype, "shape": t.Shape, "data": values(t)}
	}
	return json.Marshal(map[string]any{"inputs": inputs})
}

// plainBody is the row as the servers without a protocol here take it: {"inputs": {name: rows}}.
func (m model) plainBody() ([]byte, error) {
	inputs := map[string]any{}
	for _, t := range m.row {
		inputs[t.Name] = []any{values(t)}
	}
	return json.Marshal(map[string]any{"inputs": inputs})
}
