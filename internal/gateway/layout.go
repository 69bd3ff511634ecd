package gateway

import (
	"slices"
	"sync"

	"github.com/slipway-ml/slipway/internal/gateway/predlog"
	"github.com/slipway-ml/slipway/internal/serving"
)

// layouts are what is logged of each version's requests, as its configuration has it.
type layouts struct {
	sensitive map[string][]string // by model, "*" is every model

	mu      sync.Mutex
	configs *map[serving.Key]ModelConfig // those that the known go by
	known   map[serving.Key]*predlog.Layout
}

// of is the layout of the version chosen. Configurations come anew with each look at the
// catalog, mostly the same: then the layout, too, stays the same one. It outlives the configuration
// of a version on its way out, whose last requests must not show what is sensitive.
func (l *layouts) of(c choice, s *Sync) *predlog.Layout {
	configs := s.configs.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.configs != configs {
		known := make(map[serving.Key]*predlog.Layout, len(*configs))
		for key, old := range l.known {
			config, held := (*configs)[key]
			if !held || slices.Equal(old.Names, config.Columns) && slices.Equal(old.Sensitive, l.hidden(key, config)) {
				known[key] = old
			}
		}
		l.configs, l.known = configs, known
	}
	out, ok := l.known[c.key]
	if !ok {
		config := (*configs)[c.key]
		out = &predlog.Layout{
			Model: c.key.Model, Version: c.key.Version,
			Columns: c.Columns(), Names: config.Columns, Sensitive: l.hidden(c.key, config),
		}
		l.known[c.key] = out
	}
	return out
}

// hidden are the columns of a version that are never logged.
func (l *layouts) hidden(key serving.Key, config ModelConfig) []string {
	return slices.Concat(l.sensitive["*"], l.sensitive[key.Model], config.Sensitive)
}
