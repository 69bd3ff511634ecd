package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Parameters of an inference request that the gateway knows, beside the protocol's.
const (
	// paramSubject names whom a request is for, as HeaderSubject does.
	paramSubject  = "subject"
	paramPriority = "priority"
)

// inference serves the Open Inference Protocol. Models are those that have a
// route, versions those of the route.
type inference struct{ g *Gateway }

var (
	_ oip.Backend  = inference{}
	_ oip.Admitter = inference{}
	_ oip.Composer = inference{}
)

// Authorized implements oip.Backend.
func (b inference) Authorized(token string) bool { return b.g.knows(token) }

// Ready implements oip.Backend.
func (b inference) Ready() bool { return b.g.Synced() }

// Infer implements oip.Backend.
func (b inference) Infer(ctx context.Context, r oip.Request) (oip.Response, error) {
	g := b.g
	subject, _ := r.Parameters[paramSubject].(string)
	if len(subject) > maxSubject {
		return oip.Response{}, oip.Errorf(oip.Invalid, "parameter %s: longer than %d bytes", paramSubject, maxSubject)
	}
	leave, err := g.budget.admit(serving.Input{Tensors: r.Inputs})
	if err != nil {
		g.tracing.refused(ctx, r.Model, r.Version, err)
		return oip.Response{}, refusal(err)
	}
	defer leave()
	ctx, span := g.tracing.begin(ctx, r.Model)
	id := requestIDOf(r)
	key, out, err := b.infer(ctx, r, id, subject)
	span.done(key, id, serving.Input{Tensors: r.Inputs}.Len(), err)
	if err != nil {
		return oip.Response{}, refusal(err)
	}
	return oip.Response{Model: key.Model, Version: key.Version, Outputs: out}, nil
}

// Admits implements oip.Admitter. While a version is tried out, requests are read before it is known whose they are.
func (b inference) Admits(ctx context.Context, model, version string) error {
	if r, err := b.g.route(model); err != nil || r.Canary != "" {
		return nil //nolint:nilerr // whoever reads the request finds out
	}
	c, err := b.acquire(model, version, "")
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	defer c.Release()
	if err := b.g.admits(c); err != nil {
		b.g.count(c, answer{key: c.key}, err, false)
		b.g.tracing.refused(ctx, c.key.Model, c.key.Version, err)
		return refusal(err)
	}
	return nil
}

// infer routes a request, runs it, counts it and logs it.
func (b inference) infer(ctx context.Context, r oip.Request, id, subject string) (serving.Key, []onnx.Tensor, error) {
	g := b.g
	priority, _ := r.Parameters[paramPriority].(int64)
	c, err := b.acquire(r.Model, r.Version, subject)
	if err != nil {
		return serving.Key{Model: r.Model, Version: r.Version}, nil, err
	}
	defer c.Release()
	if err := g.take(c); err != nil {
		return c.key, nil, err
	}
	limited, cancel := context.WithTimeout(ctx, g.cfg.PredictTimeout)
	defer cancel()
	began := time.Now()
	out, err := c.Infer(limited, r.Inputs, int(min(max(priority, 0), 1000)))
	a := answer{key: c.key, latency: time.Since(began)}
	in := serving.Input{Tensors: r.Inputs}
	err = g.judge(ctx, c, in, err)
	verdict := err
	if err == nil { // predictions that are no numbers count against the model, and are still the tensors asked for
		a.predictions, verdict = read(c, out, in.Len())
	}
	g.count(c, a, verdict, ctx.Err() != nil)
	g.sayPanic(c.key, id, err)
	g.note(c, id, began, subject, in, a, verdict)
	return c.key, out, err
}

func requestIDOf(r oip.Request) string {
	if r.ID != "" && len(r.ID) <= 64 {
		return r.ID
	}
	return randomID()
}

// read makes predictions of the outputs, for the log and the canary's analysis.
// A model whose outputs are no predictions has none; one whose predictions are
// no numbers has failed.
func read(c choice, out []onnx.Tensor, rows int) ([]feature.Prediction, error) {
	predictions, err := c.Predictions(out)
	if err != nil || len(predictions) != rows {
		return nil, nil //nolint:nilerr // tensors were asked for, and are the answer
	}
	for i, p := range predictions {
		if !p.Finite() {
			return nil, fmt.Errorf("%w: row %d: the prediction is not a finite number", serving.ErrModel, i)
		}
	}
	return predictions, nil
}

// acquire holds the version that a request goes to: one of the route, or that it names.
func (b inference) acquire(model, version, subject string) (choice, error) {
	if version == "" {
		c, err := b.g.choose(predictRequest{Model: model, Subject: subject})
		if err != nil {
			return choice{}, b.unknown(model, err)
		}
		return c, nil
	}
	key, err := b.named(model, version)
	if err != nil {
		return choice{}, err
	}
	lease, err := b.g.pool.Acquire(key)
	if err != nil {
		return choice{}, refusal(err)
	}
	return choice{Lease: lease, key: key, rev: b.g.table.Routes()[key.Model].Rev}, nil
}

// named finds a version: one of the model's route, or one that an operator has
// loaded. No version is the first that an operator has loaded.
func (b inference) named(model, version string) (serving.Key, error) {
	r, err := b.g.route(model)
	if err == nil {
		switch version {
		case r.Stable:
			return stableKey(r), nil
		case r.Canary:
			return canaryKey(r), nil
		}
		model = r.Model
	}
	if key, ok := b.g.control.key(model, version); ok {
		return key, nil
	}
	if err != nil {
		return serving.Key{}, b.unknown(model, err)
	}
	return serving.Key{}, oip.Errorf(oip.NotFound, "Request for unknown model: '%s' version %s is not found: %s is in production", clip(model), clip(version), r.Stable)
}

// unknown says in the words that clients look for that there is no such model.
func (b inference) unknown(model string, err error) error {
	if c, ok := b.g.control.model(model); ok && errors.Is(err, errUnknownModel) {
		return oip.Errorf(oip.Unavailable, "Request for unknown model: '%s' has no available versions: %s", clip(model), clipTo(c.reason, 500))
	}
	if errors.Is(err, errUnknownModel) {
		return oip.Errorf(oip.NotFound, "Request for unknown model: '%s' is not found", clip(model))
	}
	return refusal(err)
}

// code is an error's in the protocol.
func code(err error) oip.Code {
	var e *oip.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return oip.Internal
}

// refusal is an error in the protocol's terms.
func refusal(err error) error {
	switch {
	case errors.Is(err, serving.ErrInput):
		return &oip.Error{Code: oip.Invalid, Err: err}
	case errors.Is(err, serving.ErrNotReady), errors.Is(err, serving.ErrBusy), errors.Is(err, errOverBudget):
		return &oip.Error{Code: oip.Unavailable, Err: err}
	}
	return err
}

// input is a request's tensors as rows: columns of one value a row,
// or one matrix of numbers. Others have no such form: then it is empty.
func input(in []onnx.Tensor) serving.Input {
	if len(in) == 0 {
		return serving.Input{}
	}
	n := int(in[0].Rows())
	if len(in) == 1 && len(in[0].Shape) == 2 && in[0].Shape[1] > 1 && in[0].Type.Numeric() {
		values, width := in[0].Numbers(), int(in[0].Shape[1])
		if len(values) != n*width {
			return serving.Input{}
		}
		matrix := make([][]float64, n)
		for i := range matrix {
			matrix[i] = values[i*width : (i+1)*width : (i+1)*width]
		}
		return serving.Input{Matrix: matrix}
	}
	rows := make([]map[string]any, n)
	for i := range rows {
		rows[i] = make(map[string]any, len(in))
	}
	for _, t := range in {
		if t.Len() != n {
			return serving.Input{}
		}
		for i := range rows {
			rows[i][t.Name] = t.At(i)
		}
	}
	return serving.Input{Rows: rows}
}
