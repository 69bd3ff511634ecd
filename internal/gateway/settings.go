package gateway

import (
	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/telemetry"
)

var _ oip.Adjustable = inference{}

// Traces implements oip.Adjustable.
func (b inference) Traces() oip.Traces {
	if b.g.tracing == nil {
		return nil
	}
	return traceSettings{b}
}

// Log implements oip.Adjustable.
func (b inference) Log() oip.Log {
	if b.g.cfg.LogLevels == nil {
		return nil
	}
	return logSettings{b.g.cfg.LogLevels}
}

// Adjusts implements oip.Adjustable. Only an operator changes what all requests feel, or
// anybody where no token is asked for.
func (b inference) Adjusts(token string) error {
	cfg := b.g.cfg
	switch {
	case cfg.OperatorToken != "" && same(token, cfg.OperatorToken), cfg.OperatorToken == "" && cfg.Token == "":
		return nil
	case !b.Authorized(token):
		return oip.Errorf(oip.Unauthorized, "the operator's bearer token is required: send the header Authorization: Bearer <token>")
	case cfg.OperatorToken == "":
		return oip.Errorf(oip.Forbidden, "settings are the operator's, and this gateway has no operator's token: start it with one")
	}
	return oip.Errorf(oip.Forbidden, "settings need the operator's token")
}

// traceSettings are those of the models that are served.
type traceSettings struct{ b inference }

// Settings implements oip.Traces.
func (t traceSettings) Settings(model string) (oip.TraceSettings, error) {
	if err := t.known(model); err != nil {
		return oip.TraceSettings{}, err
	}
	return t.b.g.tracing.sampling.now.Load().of(model).TraceSettings, nil
}

// Change implements oip.Traces.
func (t traceSettings) Change(model string, by func(*oip.TraceOverride)) error {
	if err := t.known(model); err != nil {
		return err
	}
	t.b.g.tracing.sampling.change(model, by)
	t.b.g.cfg.Logger.Info("trace settings were changed", "model", model)
	return nil
}

// known says why there are no settings of a model. One that is not ready has some.
func (t traceSettings) known(model string) error {
	if model == "" {
		return nil
	}
	if _, err := t.b.find(model, ""); err != nil && code(err) != oip.Unavailable {
		return err
	}
	return nil
}

// logSettings are those of the process's log.
type logSettings struct{ levels *telemetry.Levels }

// Settings implements oip.Log.
func (l logSettings) Settings() oip.LogSettings { return protocolLog(l.levels.Severities()) }

// Change implements oip.Log.
func (l logSettings) Change(by func(*oip.LogSettings)) {
	l.levels.Change(func(s *telemetry.Severities) {
		out := protocolLog(*s)
		by(&out)
		*s = telemetry.Severities{Debug: out.Verbose > 0, Info: out.Info, Warning: out.Warning, Error: out.Error}
	})
}

func protocolLog(s telemetry.Severities) oip.LogSettings {
	out := oip.LogSettings{Info: s.Info, Warning: s.Warning, Error: s.Error}
	if s.Debug {
		out.Verbose = 1
	}
	return out
}
