package oip

// Duration is how often something happened and how long it took in all.
type Duration struct {
	Count uint64 `json:"count"`
	NS    uint64 `json:"ns"`
}

// InferStatistics are a model's totals over requests.
type InferStatistics struct {
	Success       Duration `json:"success"`
	Fail          Duration `json:"fail"`
	Queue         Duration `json:"queue"`
	ComputeInput  Duration `json:"compute_input"`
	ComputeInfer  Duration `json:"compute_infer"`
	ComputeOutput Duration `json:"compute_output"`
	CacheHit      Duration `json:"cache_hit"`
	CacheMiss     Duration `json:"cache_miss"`
}

// BatchStatistics are the totals of the batches of one size.
type BatchStatistics struct {
	Size          uint64   `json:"batch_size"`
	ComputeInput  Duration `json:"compute_input"`
	ComputeInfer  Duration `json:"compute_infer"`
	ComputeOutput Duration `json:"compute_output"`
}

// Statistics are what a model version has done. InferenceCount counts rows,
// ExecutionCount batches; LastInference is in milliseconds since 1970.
type Statistics struct {
	Name           string              `json:"name"`
	Version        string              `json:"version"`
	LastInference  uint64              `json:"last_inference"`
	InferenceCount uint64              `json:"inference_count"`
	ExecutionCount uint64              `json:"execution_count"`
	Infer          InferStatistics     `json:"inference_stats"`
	Responses      map[string]struct{} `json:"response_stats"`
	Batches        []BatchStatistics   `json:"batch_stats"`
	Memory         []struct{}          `json:"memory_usage"`
}
