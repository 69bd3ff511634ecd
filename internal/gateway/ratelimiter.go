package gateway

import (
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// rateLimiter is what a configuration in Triton's words says of resources that models share.
type rateLimiter struct {
	Resources []struct {
		Name   string `json:"name"`
		Global *bool  `json:"global"` // whether all devices share it; the gateway's settings decide that
		Count  count  `json:"count"`
	} `json:"resources"`
	Priority count `json:"priority"` // 0 is 1
}

func (r *rateLimiter) validate() error {
	if r == nil {
		return nil
	}
	errs := []error{
		within("the number of rate_limiter.resources", count(len(r.Resources)), 0, spec.MaxResources),
		within("rate_limiter.priority", r.Priority, 0, spec.MaxPriority),
	}
	seen := map[string]bool{}
	for _, res := range r.Resources {
		if !spec.IsResource(res.Name) {
			errs = append(errs, fmt.Errorf("rate_limiter.resources: the name %q is not 1 to 63 letters, digits, dots, dashes and underscores", clip(res.Name)))
		}
		if seen[res.Name] {
			errs = append(errs, fmt.Errorf("rate_limiter.resources names %q twice", clip(res.Name)))
		}
		seen[res.Name] = true
		errs = append(errs, within("rate_limiter.resources.count", res.Count, 1, spec.MaxCount))
	}
	return errors.Join(errs...)
}

// apply replaces what a batch takes, and the priority.
func (r *rateLimiter) apply(d spec.Deployment) spec.Deployment {
	if r == nil {
		return d
	}
	d.Resources, d.Priority = nil, int(max(r.Priority, 1))
	for _, res := range r.Resources {
		if d.Resources == nil { // the one before belongs to who gave it
			d.Resources = spec.Resources{}
		}
		d.Resources[res.Name] = int(res.Count)
	}
	return d
}

// placed refuses resources that are shared in another way here than the configuration says.
func (o override) placed(stock serving.Stock) error {
	for _, g := range o.InstanceGroups {
		if g.RateLimiter == nil {
			continue
		}
		for _, r := range g.RateLimiter.Resources {
			if r.Global != nil && *r.Global != stock.Shared(r.Name) {
				return fmt.Errorf("config: rate_limiter.resources: %q is global: %t here; start the gateway with --resource %s=COUNT@all to have all devices share it, without @all to have each its own", r.Name, !*r.Global, r.Name)
			}
		}
	}
	return nil
}
