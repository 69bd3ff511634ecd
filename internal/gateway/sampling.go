package gateway

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/slipway-ml/slipway/internal/oip"
)

// sampling decides which requests are traced. At first all are, as far as the
// sampler that the environment names takes them.
type sampling struct {
	mu  sync.Mutex
	now atomic.Pointer[samples]
}

// samples are the settings at one time.
type samples struct {
	overrides map[string]oip.TraceOverride // by model; "" for all that have none of their own
	all       *sample
	models    map[string]*sample
}

// sample is how the requests of a model are traced.
type sample struct {
	oip.TraceSettings
	seen atomic.Uint64
}

func newSampling() *sampling {
	s := &sampling{}
	s.now.Store(&samples{all: &sample{TraceSettings: oip.TraceSettings{Rate: 1}}})
	return s
}

// of is how requests of a model are traced.
func (s *samples) of(model string) *sample {
	if own, ok := s.models[model]; ok {
		return own
	}
	return s.all
}

// takes tells whether a request is traced. One that its caller traces is, unless traces are off.
func (s *sample) takes(callers bool) bool {
	switch {
	case s.Off:
		return false
	case callers || s.Rate == 1:
		return true
	case s.Rate == 0:
		return false
	}
	return (s.seen.Add(1)-1)%s.Rate == 0
}

// change replaces the settings of a model, or of all; counting begins anew.
func (s *sampling) change(model string, by func(*oip.TraceOverride)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &samples{overrides: maps.Clone(s.now.Load().overrides), models: map[string]*sample{}}
	if next.overrides == nil {
		next.overrides = map[string]oip.TraceOverride{}
	}
	changed := next.overrides[model]
	by(&changed)
	next.overrides[model] = changed
	next.all = &sample{TraceSettings: overridden(oip.TraceSettings{Rate: 1}, next.overrides[""])}
	for name, o := range next.overrides {
		switch {
		case o == oip.TraceOverride{}:
			delete(next.overrides, name)
		case name != "":
			next.models[name] = &sample{TraceSettings: overridden(next.all.TraceSettings, o)}
		}
	}
	s.now.Store(next)
}

func overridden(s oip.TraceSettings, by oip.TraceOverride) oip.TraceSettings {
	if by.Off != nil {
		s.Off = *by.Off
	}
	if by.Rate != nil {
		s.Rate = *by.Rate
	}
	return s
}
