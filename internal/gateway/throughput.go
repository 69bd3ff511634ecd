package gateway

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/slipway-ml/slipway/internal/serving"
)

// errThroughput: a version gets more requests than its release allows.
var errThroughput = errors.New("more requests than the release of the model allows")

// throughputError says how many requests a version may get. It counts as serving.ErrBusy too.
type throughputError struct {
	key serving.Key
	max float64
}

func (e throughputError) Error() string {
	return fmt.Sprintf("%s: %s: deployment.max_throughput is %g a second", e.key, errThroughput, e.max)
}

// Is implements the interface of errors.Is.
func (e throughputError) Is(target error) bool {
	return target == errThroughput || target == serving.ErrBusy //nolint:errorlint // it is what errors.Is asks
}

// throughput holds versions to the requests a second that their releases allow
// here, in this gateway. Requests of one second may come at once.
type throughput struct {
	mu    sync.Mutex
	rates atomic.Pointer[rates]
}

// rates are the limits of the versions that have one.
type rates struct {
	configs *map[serving.Key]ModelConfig // that they are of
	by      map[serving.Key]*rate.Limiter
}

// of is the limit of a version; nil: it has none. Configurations come anew with each look
// at the catalog, mostly the same: then the limit goes on as it is.
func (t *throughput) of(key serving.Key, configs *map[serving.Key]ModelConfig) *rate.Limiter {
	if r := t.rates.Load(); r != nil && r.configs == configs {
		return r.by[key]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := map[serving.Key]*rate.Limiter{}
	if r := t.rates.Load(); r != nil {
		old = r.by
	}
	next := &rates{configs: configs, by: map[serving.Key]*rate.Limiter{}}
	for key, c := range *configs {
		d := c.Deployment
		if !d.LimitThroughput || d.MaxThroughput <= 0 {
			continue
		}
		l := old[key]
		if l == nil || l.Limit() != rate.Limit(d.MaxThroughput) {
			l = rate.NewLimiter(rate.Limit(d.MaxThroughput), int(max(1, d.MaxThroughput)))
		}
		next.by[key] = l
	}
	t.rates.Store(next)
	return next.by[key]
}

// take counts a request of a version against its limit, and refuses it above.
func (g *Gateway) take(c choice) error {
	l := g.throughput.of(c.key, g.sync.configs.Load())
	if l == nil || l.Allow() {
		return nil
	}
	err := g.tooMany(c, l)
	g.count(c, answer{key: c.key}, err, false)
	return err
}

// tooMany is the refusal of a request, counted for its version.
func (g *Gateway) tooMany(c choice, l *rate.Limiter) error {
	err := throughputError{c.key, float64(l.Limit())}
	c.Refuse(err)
	return err
}

// admits tells, before a request is read, whether its version would take it now.
func (g *Gateway) admits(c choice) error {
	if l := g.throughput.of(c.key, g.sync.configs.Load()); l != nil && l.Tokens() < 1 {
		return g.tooMany(c, l)
	}
	return c.Admits()
}
