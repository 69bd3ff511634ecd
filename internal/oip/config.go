package oip

import (
	"net/http"
	"strings"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// config answers with the part of a model's configuration that clients use.
func (s *REST) config(_ http.ResponseWriter, r *http.Request) (any, error) {
	m, err := configured(s.backend, r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return nil, err
	}
	type tensor struct {
		Name     string  `json:"name"`
		DataType string  `json:"data_type"`
		Dims     []int64 `json:"dims"`
	}
	list := func(infos []onnx.Info) []tensor {
		out := make([]tensor, len(infos))
		for i, info := range infos {
			out[i] = tensor{info.Name, dataType(info.Type).String(), dims(m, info)}
		}
		return out
	}
	out := map[string]any{
		"name": m.Name, "platform": m.Platform, "backend": backendOf(m.Platform), "max_batch_size": m.MaxBatch,
		"input": list(m.Inputs), "output": list(m.Outputs),
	}
	out["response_cache"] = map[string]any{"enable": m.ResponseCache}
	if m.Steps != nil { // the ways to schedule exclude each other
		steps := make([]map[string]any, len(m.Steps))
		for i, s := range m.Steps {
			steps[i] = map[string]any{"model_name": s.Model, "model_version": s.Version, "input_map": s.Inputs, "output_map": s.Outputs}
		}
		out["ensemble_scheduling"] = map[string]any{"step": steps}
		return out, nil
	}
	if m.MaxBatch > 0 {
		out["dynamic_batching"] = map[string]any{"preferred_batch_size": append([]int32{}, m.Preferred...), "max_queue_delay_microseconds": m.MaxDelayMicroseconds}
	}
	if m.Instances > 0 {
		group := map[string]any{"count": m.Instances, "kind": instanceKind(m.Device)}
		if len(m.Resources) > 0 {
			group["rate_limiter"] = map[string]any{"resources": m.Resources, "priority": m.Priority}
		}
		out["instance_group"] = []map[string]any{group}
	}
	return out, nil
}

// instanceKind is the configuration's name of a device.
func instanceKind(device string) string {
	if device == "cpu" {
		return "KIND_CPU"
	}
	return "KIND_GPU"
}

// dims is a shape as configurations have it: without the first dimension if the model is batched.
func dims(m Metadata, info onnx.Info) []int64 {
	shape := info.Shape
	if m.MaxBatch > 0 && len(shape) > 0 {
		shape = shape[1:]
	}
	return append([]int64{}, shape...)
}

// dataType is the configuration's name of a type.
func dataType(t onnx.Type) inferencepb.DataType {
	name := datatype(t)
	if name == "BYTES" {
		name = "STRING"
	}
	return inferencepb.DataType(inferencepb.DataType_value["TYPE_"+strings.ToUpper(name)])
}

// platformEnsemble is that of models that no backend runs.
const platformEnsemble = "ensemble"

// backendOf is what runs models of a platform, in Triton's words: platforms begin with it.
func backendOf(platform string) string {
	if platform == platformEnsemble {
		return ""
	}
	backend, _, _ := strings.Cut(platform, "_")
	return backend
}
