package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/internal/ensemble"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Bounds of what a request to load may ask for.
const (
	maxBatchSize = 4096
	maxDelay     = 10 * time.Second
	maxPreferred = 16
	maxInstances = 256
	maxVersions  = 8
)

// defaultCacheMB are the megabytes of answers kept for a version whose release states none, where a request to load
// asks for a cache: its configuration says that there is one, not how large.
const defaultCacheMB = 64

// override is the part of a model's configuration that a request to load may
// replace, in the words of Triton's model configuration. How the model is served
// may be replaced, never what is served.
type override struct {
	Name           string           `json:"name"`
	Platform       string           `json:"platform"`
	Backend        string           `json:"backend"`
	MaxBatchSize   *count           `json:"max_batch_size"`
	Dynamic        *dynamicBatching `json:"dynamic_batching"`
	InstanceGroups []instanceGroup  `json:"instance_group"`
	Cache          *responseCache   `json:"response_cache"`
	Policy         *versionPolicy   `json:"version_policy"`
	// Inputs and outputs are those of the model's file: they are taken, so that the
	// configuration which a server tells can be sent back, and not looked at.
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output"`
	// EnsembleScheduling too.
	EnsembleScheduling json.RawMessage `json:"ensemble_scheduling"`
}

type dynamicBatching struct {
	Preferred []count `json:"preferred_batch_size"`
	Delay     count   `json:"max_queue_delay_microseconds"`
}

type instanceGroup struct {
	Name        string       `json:"name"`
	Kind        string       `json:"kind"`
	Count       *count       `json:"count"`
	RateLimiter *rateLimiter `json:"rate_limiter"`
}

type responseCache struct {
	Enable bool `json:"enable"`
}

type versionPolicy struct {
	Latest *struct {
		Versions count `json:"num_versions"`
	} `json:"latest"`
	Specific *struct {
		Versions []string `json:"versions"`
	} `json:"specific"`
}

// count is a whole number, which clients also write as a string.
type count int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *count) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not a whole number", clip(string(b)))
	}
	*n = count(v)
	return nil
}

// within checks a number that may be missing.
func within(field string, n, low, high count) error {
	if n < low || n > high {
		return fmt.Errorf("%s is %d: want %d to %d", field, n, low, high)
	}
	return nil
}

// parseOverride reads the configuration that a request to load brings, strictly;
// empty: nothing is replaced.
func parseOverride(model, text string) (override, error) {
	var o override
	if text == "" {
		return o, nil
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return o, fmt.Errorf("config: %w; what may be replaced: max_batch_size, dynamic_batching, instance_group, response_cache, version_policy", jsonError(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return o, errors.New("config: something follows the JSON object")
	}
	if err := o.validate(model); err != nil {
		return o, fmt.Errorf("config: %w", err)
	}
	return o, nil
}

// backendONNX is what the protocol's configurations call what runs ONNX models.
const backendONNX = "onnxruntime"

func (o override) validate(model string) error {
	var errs []error
	check := func(err error) { errs = append(errs, err) }
	if o.Name != "" && o.Name != model {
		check(fmt.Errorf("name is %q, the model is %q", clip(o.Name), clip(model)))
	}
	if o.Platform != "" && o.Platform != serving.PlatformONNX && o.Platform != ensemble.Platform || o.Backend != "" && o.Backend != backendONNX {
		check(fmt.Errorf("platform and backend can't be replaced: they are %s and %s", serving.PlatformONNX, backendONNX))
	}
	if o.MaxBatchSize != nil {
		check(within("max_batch_size", *o.MaxBatchSize, 0, maxBatchSize))
	}
	if d := o.Dynamic; d != nil {
		check(within("max_queue_delay_microseconds", d.Delay, 0, count(maxDelay/time.Microsecond)))
		check(within("the number of preferred_batch_size", count(len(d.Preferred)), 0, maxPreferred))
		for _, n := range d.Preferred {
			check(within("preferred_batch_size", n, 1, maxBatchSize))
		}
	}
	if len(o.InstanceGroups) > 1 {
		check(errors.New("instance_group has several groups: a model has one device here"))
	}
	for _, g := range o.InstanceGroups {
		if g.Count != nil {
			check(within("instance_group.count", *g.Count, 1, maxInstances))
		}
		check(g.RateLimiter.validate())
	}
	if p := o.Policy; p != nil {
		if p.Latest != nil {
			check(within("version_policy.latest.num_versions", p.Latest.Versions, 1, maxVersions))
		}
		if p.Specific != nil {
			check(within("the number of version_policy.specific.versions", count(len(p.Specific.Versions)), 1, maxVersions))
		}
		if p.Latest != nil && p.Specific != nil {
			check(errors.New("version_policy has both latest and specific"))
		}
	}
	return errors.Join(errs...)
}

// apply puts the replacements into a model's configuration; batching is nil if
// nothing of it is replaced.
func (o override) apply(m spec.Model) (spec.Model, *serving.Batching) {
	if o.MaxBatchSize != nil {
		m.Deployment.BatchSize = int(max(*o.MaxBatchSize, 1))
	}
	for _, g := range o.InstanceGroups {
		if g.Count != nil {
			m.Deployment.Instances = int(*g.Count)
		}
		m.Deployment = g.RateLimiter.apply(m.Deployment)
	}
	switch {
	case o.Cache == nil:
	case !o.Cache.Enable:
		m.Deployment.ResponseCacheMB = 0
	default:
		m.Deployment.ResponseCacheMB = cmp.Or(m.Deployment.ResponseCacheMB, defaultCacheMB)
	}
	if o.Dynamic == nil {
		return m, nil
	}
	b := serving.Batching{MaxRows: m.Deployment.BatchSize, MaxDelay: time.Duration(o.Dynamic.Delay) * time.Microsecond}
	for _, n := range o.Dynamic.Preferred {
		b.Preferred = append(b.Preferred, int(n))
	}
	return m, &b
}
