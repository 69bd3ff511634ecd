package oip

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// setting answers GET and POST of settings: get, or post with what the body wants set.
func (s *REST) setting(do func(r *http.Request, token string, in settings) (any, error)) http.Handler {
	get := s.answer("", s.authorized(func(_ http.ResponseWriter, r *http.Request) (any, error) { return do(r, "", nil) }))
	post := s.answer("", func(w http.ResponseWriter, r *http.Request) (any, error) {
		token := bearer(r.Header.Get("Authorization"))
		if a, ok := s.backend.(Adjustable); ok { // before anything is read
			if err := a.Adjusts(token); err != nil {
				return nil, err
			}
		}
		var wire map[string]json.RawMessage
		if err := s.body(w, r, &wire); err != nil {
			return nil, err
		}
		in := settings{}
		for name, value := range wire {
			values, err := settingValues(value)
			if err != nil {
				return nil, Errorf(Invalid, "setting %q: %w", clip(name), err)
			}
			in[name] = values
		}
		return do(r, token, in)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			get.ServeHTTP(w, r)
		case http.MethodPost:
			post.ServeHTTP(w, r)
		default:
			w.Header().Set("Allow", "GET, POST")
			writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "Method Not Allowed"})
		}
	})
}

// settingValues reads a string, a number, a boolean, a list of strings, or null for none.
func settingValues(b json.RawMessage) ([]string, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		out := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, errSetting
			}
			out[i] = text
		}
		return out, nil
	case json.Number:
		return []string{v.String()}, nil
	case bool:
		return []string{string(b)}, nil
	}
	return nil, errSetting
}

var errSetting = Errorf(Invalid, "want a string, a number, true, false, a list of strings or null")

func (s *REST) traceSetting(r *http.Request, token string, in settings) (any, error) {
	t, err := setTraces(s.backend, token, r.PathValue("model"), in)
	if err != nil {
		return nil, err
	}
	out := map[string]any{traceLevel: []string{t.level()}, traceRate: t.rate()}
	for _, name := range []string{traceCount, logFrequency, traceFile, traceMode} {
		out[name] = fixed[name]
	}
	return out, nil
}

func (s *REST) logSettings(_ *http.Request, token string, in settings) (any, error) {
	l, err := setLog(s.backend, token, in)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		logInfo: l.Info, logWarning: l.Warning, logError: l.Error, logVerbose: l.Verbose,
		logFile: fixed[logFile], logFormat: fixed[logFormat],
	}, nil
}
