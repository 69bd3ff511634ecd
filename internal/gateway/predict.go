package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	ctx, span := g.tracing.begin(ctx)
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
	limited, cancel := context.WithTimeout(ctx, g.cfg.PredictTimeout)
	defer cancel()
	began := time.Now()
	predictions, err := c.Predict(limited, req.Input)
	out = answer{key: c.key, predictions: predictions, latency: time.Since(began)}
	in := func() serving.Input { return req.Input }
	err = g.judge(ctx, c, in, err)
	g.count(c, out, err, ctx.Err() != nil)
	g.note(c, id, began, req.Subject, req.Input.Len(), in, out, err)
	return out, err
}

// judge finds the errors that look like somebody else's fault and are the model's.
// ctx is the caller's.
func (g *Gateway) judge(ctx context.Context, c choice, in func() serving.Input, err error) error {
	if errors.Is(err, serving.ErrInput) && g.onlyHere(c, in()) {
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
	if c.other == nil || in.Len() == 0 {
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
// the model (a client's mistake, a client gone) is in the metrics only.
func (g *Gateway) count(c choice, a answer, err error, gone bool) {
	outcome := outcomeOK
	switch {
	case err == nil:
	case errors.Is(err, serving.ErrInput):
		outcome = outcomeInvalid
	case gone:
		outcome = outcomeCanceled
	case errors.Is(err, serving.ErrBusy):
		outcome = outcomeBusy
	default:
		outcome = outcomeError
	}
	g.metrics.predictions.WithLabelValues(c.key.Model, c.key.Version, outcome).Inc()
	switch outcome {
	case outcomeInvalid, outcomeCanceled:
		return
	case outcomeOK:
		g.metrics.seconds.WithLabelValues(c.key.Model, c.key.Version).Observe(a.latency.Seconds())
	}
	if err := g.stats.Add(c.key.Model, c.key.Version, c.rev, outcome == outcomeOK, milliseconds(a.latency)); err != nil {
		g.cfg.Logger.Error("a prediction was not counted", "error", err)
	}
}

// note puts each row of a request that the model took into the prediction log. The
// log makes the records when it writes them, so in must not change any more.
func (g *Gateway) note(c choice, id string, at time.Time, subject string, rows int, in func() serving.Input, a answer, err error) {
	if err != nil && !errors.Is(err, serving.ErrModel) {
		return
	}
	config, columns := g.sync.config(c.key), c.Columns()
	g.log.Add(rows, func() ([]predlog.Record, []string) {
		sensitive := slices.Concat(g.cfg.Sensitive["*"], g.cfg.Sensitive[c.key.Model], config.Sensitive)
		record := predlog.Record{
			Model: c.key.Model, Version: c.key.Version, Time: at, RequestID: id, LatencyMS: milliseconds(a.latency),
		}
		if subject != "" {
			sum := sha256.Sum256([]byte(subject))
			record.Subject = hex.EncodeToString(sum[:])
		}
		if err != nil {
			record.Error = clipError(err)
		}
		input := in()
		out := make([]predlog.Record, input.Len())
		for i := range out {
			out[i] = record
			features(&out[i], input, i, columns, config.Columns, len(sensitive) > 0)
			if err == nil && i < len(a.predictions) {
				out[i].Prediction, out[i].Probability = predicted(a.predictions[i])
			}
		}
		return out, sensitive
	})
}

// features puts a row's values by column into its record: of an object those that the model
// takes, of a list all of them, named by the configuration. A list without
// names is logged by place, unless some columns are sensitive: nobody could
// tell which.
func features(r *predlog.Record, in serving.Input, row int, columns, names []string, sensitive bool) {
	named := func(n int) bool { return !sensitive || len(names) == n }
	if in.Rows == nil {
		if named(len(in.Matrix[row])) {
			r.Numbers, r.Names = in.Matrix[row], names
		}
		return
	}
	if len(in.Rows[row]) == len(columns) && !slices.ContainsFunc(columns, func(name string) bool { _, ok := in.Rows[row][name]; return !ok }) {
		r.Features = in.Rows[row] // nothing is left out
		return
	}
	r.Features = map[string]any{}
	for name, v := range in.Rows[row] {
		if values, ok := v.([]any); ok && columns == nil {
			for i := 0; i < len(values) && named(len(values)); i++ {
				r.Features[nth(names, len(values), i)] = values[i]
			}
		} else if slices.Contains(columns, name) {
			r.Features[name] = v
		}
	}
}

func nth(names []string, width, i int) string {
	if len(names) == width {
		return names[i]
	}
	return strconv.Itoa(i)
}

// predicted is a prediction as text, and the probability of its label.
func predicted(p feature.Prediction) (text string, probability *float64) {
	switch {
	case p.Label != nil:
		text = strconv.FormatInt(*p.Label, 10)
	case p.Value != nil:
		return strconv.FormatFloat(*p.Value, 'g', -1, 64), nil
	default:
		text = p.LabelText
	}
	if len(p.Probabilities) > 0 {
		top := slices.Max(p.Probabilities)
		probability = &top
	}
	return text, probability
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// clipError is an error's text, cut to what fits a log or a report.
func clipError(err error) string { return clipTo(err.Error(), 500) }
