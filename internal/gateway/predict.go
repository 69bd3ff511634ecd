package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/gateway/predlog"
	"github.com/slipway-ml/slipway/internal/serving"
)

// errUnknownModel: no route leads to the model.
var errUnknownModel = errors.New("no such model")

// answer is a prediction with where it came from.
type answer struct {
	key         serving.Key
	predictions []feature.Prediction
	latency     time.Duration
}

// predict routes a request, runs it, counts it and logs it.
func (g *Gateway) predict(ctx context.Context, id string, req predictRequest) (out answer, err error) {
	ctx, span := g.tracing.begin(ctx, req.Model)
	defer func() { span.done(out.key, id, req.Input.Len(), err) }()
	leave, err := g.budget.admit(req.Input)
	if err != nil {
		return answer{key: serving.Key{Model: req.Model}}, err
	}
	defer leave()
	c, err := g.choose(req)
	if err != nil {
		return answer{key: serving.Key{Model: req.Model}}, err
	}
	defer c.Release()
	if err := g.take(c); err != nil {
		return answer{key: c.key}, err
	}
	limited, cancel := context.WithTimeout(ctx, g.cfg.PredictTimeout)
	defer cancel()
	began := time.Now()
	predictions, err := c.Predict(limited, req.Input)
	out = answer{key: c.key, predictions: predictions, latency: time.Since(began)}
	err = g.judge(ctx, c, req.Input, err)
	g.count(c, out, err, ctx.Err() != nil)
	g.note(c, id, began, req.Subject, req.Input, out, err)
	return out, err
}

// judge finds the errors that look like somebody else's fault and are the model's.
// ctx is the caller's.
func (g *Gateway) judge(ctx context.Context, c choice, in serving.Input, err error) error {
	if errors.Is(err, serving.ErrInput) && g.onlyHere(c, in) {
		err = fmt.Errorf("%w: it refuses rows that the version in production takes: %w", serving.ErrModel, &asText{err})
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = fmt.Errorf("%w: no answer within %s", serving.ErrModel, g.cfg.PredictTimeout)
	}
	return err
}

// asText keeps an error's words but not its identity.
type asText struct{ err error }

func (e *asText) Error() string { return e.err.Error() }

// choose finds the model's route and picks a version. When the route changed
// between the two, the new one decides: no version has seen the request yet.
func (g *Gateway) choose(req predictRequest) (choice, error) {
	for {
		r, err := g.route(req.Model)
		if err != nil {
			return g.loaded(req.Model, err)
		}
		c, err := pick(r, req.Subject, g.pool)
		if err == nil {
			return c, nil
		}
		if again, err2 := g.route(r.Model); err2 == nil && again == r {
			return choice{}, err
		}
	}
}

// loaded is the version that an operator has loaded of a model without a route.
func (g *Gateway) loaded(model string, otherwise error) (choice, error) {
	key, ok := g.control.key(model, "")
	if !ok {
		return choice{}, otherwise
	}
	lease, err := g.pool.Acquire(key)
	if err != nil {
		return choice{}, err
	}
	return choice{Lease: lease, key: key}, nil
}

func (g *Gateway) route(model string) (catalog.Route, error) {
	routes := g.table.Routes()
	if model != "" {
		r, ok := routes[model]
		if !ok {
			return r, fmt.Errorf("%w: %q", errUnknownModel, clip(model))
		}
		return r, nil
	}
	if len(routes) == 1 {
		for _, r := range routes {
			return r, nil
		}
	}
	if len(routes) == 0 {
		return catalog.Route{}, fmt.Errorf("%w: no model has been released yet", serving.ErrNotReady)
	}
	return catalog.Route{}, fmt.Errorf("%w: there are %d models, name one in the field \"model\"", errUnknownModel, len(routes))
}

// onlyHere tells that the canary refuses an input that production would take:
// then the input is not at fault, the canary is.
func (g *Gateway) onlyHere(c choice, in serving.Input) bool {
	if c.other == nil {
		return false
	}
	if in.Tensors != nil {
		in = input(in.Tensors) // tensors are checked when they run
	}
	if in.Len() == 0 {
		return false
	}
	production, err := g.pool.Acquire(*c.other)
	if err != nil {
		return false
	}
	defer production.Release()
	return production.Accepts(in) == nil
}

// count adds the request to the statistics and metrics. What is no failure of
// the model (a client's mistake, a client gone, what a release does not allow) is in the metrics only.
func (g *Gateway) count(c choice, a answer, err error, gone bool) {
	outcome := outcomeOK
	switch {
	case err == nil:
	case errors.Is(err, serving.ErrInput):
		outcome = outcomeInvalid
	case gone:
		outcome = outcomeCanceled
	case errors.Is(err, errThroughput):
		outcome = outcomeThrottled
	case errors.Is(err, serving.ErrBusy):
		outcome = outcomeBusy
	default:
		outcome = outcomeError
		g.prober.suspect(c.key)
	}
	g.metrics.predictions.WithLabelValues(c.key.Model, c.key.Version, outcome).Inc()
	switch outcome {
	case outcomeInvalid, outcomeCanceled, outcomeThrottled:
		return
	case outcomeOK:
		g.metrics.seconds.WithLabelValues(c.key.Model, c.key.Version).Observe(a.latency.Seconds())
	}
	if err := g.stats.Add(c.key.Model, c.key.Version, c.rev, outcome == outcomeOK, milliseconds(a.latency)); err != nil {
		g.cfg.Logger.Error("a prediction was not counted", "error", err)
	}
}

// note puts each row of a request that the model took into the prediction log, which
// makes use of the input and the predictions later: they must not change any more.
func (g *Gateway) note(c choice, id string, at time.Time, subject string, in serving.Input, a answer, err error) {
	if err != nil && !errors.Is(err, serving.ErrModel) {
		return
	}
	r := predlog.Request{
		Layout: g.layouts.of(c, g.sync), Time: at, ID: id, Subject: subject, LatencyMS: milliseconds(a.latency),
		Tensors: in.Tensors, Rows: in.Rows, Matrix: in.Matrix,
	}
	if err != nil {
		r.Error = clipError(err)
	} else {
		r.Predictions = a.predictions
	}
	g.log.Add(&r)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// clipError is an error's text, cut to what fits a log or a report.
func clipError(err error) string { return clipTo(err.Error(), 500) }
