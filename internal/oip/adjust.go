package oip

import "slices"

// traces are those of a backend.
func traces(b Backend) (Traces, error) {
	if a, ok := b.(Adjustable); ok {
		if t := a.Traces(); t != nil {
			return t, nil
		}
	}
	return nil, Errorf(Unsupported, "requests are not traced here: start the server with OTEL_EXPORTER_OTLP_ENDPOINT in its environment")
}

// log is that of a backend.
func log(b Backend) (Log, error) {
	if a, ok := b.(Adjustable); ok {
		if l := a.Log(); l != nil {
			return l, nil
		}
	}
	return nil, Errorf(Unsupported, "what the log takes can't be set here")
}

// extensionsOf are those that are served.
func extensionsOf(b Backend) []string {
	out := slices.Clone(extensions)
	if _, err := traces(b); err == nil {
		out = append(out, "trace")
	}
	if _, err := log(b); err == nil {
		out = append(out, "logging")
	}
	return out
}

// setTraces changes the settings of a model, if there is something to change, and tells those in force.
func setTraces(b Backend, token, model string, in settings) (TraceSettings, error) {
	t, err := traces(b)
	if err != nil {
		return TraceSettings{}, err
	}
	if in != nil {
		if err := b.(Adjustable).Adjusts(token); err != nil {
			return TraceSettings{}, err
		}
		change, err := in.traceChange()
		if err != nil {
			return TraceSettings{}, err
		}
		if err := t.Change(model, change); err != nil {
			return TraceSettings{}, err
		}
	}
	return t.Settings(model)
}

// setLog changes the settings of the log, if there is something to change, and tells those in force.
func setLog(b Backend, token string, in settings) (LogSettings, error) {
	l, err := log(b)
	if err != nil {
		return LogSettings{}, err
	}
	if in != nil {
		if err := b.(Adjustable).Adjusts(token); err != nil {
			return LogSettings{}, err
		}
		change, err := in.logChange()
		if err != nil {
			return LogSettings{}, err
		}
		l.Change(change)
	}
	return l.Settings(), nil
}
