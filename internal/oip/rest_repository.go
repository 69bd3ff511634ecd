package oip

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// paramConfig replaces parts of a model's configuration, filePrefix begins the
// names of parameters that bring a file.
const (
	paramConfig = "config"
	filePrefix  = "file:"
)

// operator lets requests through that may change what is served.
func (s *REST) operator(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		if err := mayOperate(s.backend, bearer(r.Header.Get("Authorization"))); err != nil {
			return nil, err
		}
		return next(w, r)
	}
}

// mayOperate says why a token may not load and unload.
func mayOperate(b Backend, token string) error {
	switch {
	case b.Operator(token):
		return nil
	case b.Authorized(token):
		return Errorf(Forbidden, "loading and unloading need the operator's token")
	}
	return Errorf(Unauthorized, "the operator's bearer token is required: send the header Authorization: Bearer <token>")
}

// named lets requests through that are about the repository there is.
func (s *REST) named(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		if err := s.identity.repository(r.PathValue("repository")); err != nil {
			return nil, err
		}
		return next(w, r)
	}
}

// repository says why there is no repository of that name. No name is the only one.
func (id Identity) repository(name string) error {
	if name != "" && name != id.Name {
		return Errorf(NotFound, "there is no repository '%s': the only one is '%s', and need not be named", clip(name), id.Name)
	}
	return nil
}

// body reads a request's JSON, which may be missing.
func (s *REST) body(w http.ResponseWriter, r *http.Request, into any) error {
	b, err := s.read(w, r, nil)
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return Errorf(Invalid, "the request is not the protocol's JSON: %w", err)
	}
	return nil
}

func (s *REST) index(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Ready bool `json:"ready"`
	}
	if err := s.body(w, r, &in); err != nil {
		return nil, err
	}
	return listed(s.backend.Index(r.Context()), in.Ready), nil
}

// listed leaves out what is not ready, if only that is asked for.
func listed(all []Entry, ready bool) []Entry {
	if ready {
		return slices.DeleteFunc(all, func(e Entry) bool { return e.State != StateReady })
	}
	return all
}

func (s *REST) load(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Parameters parameters `json:"parameters"`
	}
	out := LoadRequest{Model: r.PathValue("model")}
	if err := s.body(w, r, &in); err != nil {
		return nil, failedToLoad(out.Model, err)
	}
	for name, v := range in.Parameters {
		if err := out.add(name, v); err != nil {
			return nil, failedToLoad(out.Model, err)
		}
	}
	if err := s.backend.Load(r.Context(), out); err != nil {
		return nil, failedToLoad(out.Model, err)
	}
	return struct{}{}, nil
}

// add takes a parameter.
func (l *LoadRequest) add(name string, v any) error {
	text, isText := v.(string)
	switch {
	case strings.HasPrefix(name, filePrefix):
		l.Files = append(l.Files, strings.TrimPrefix(name, filePrefix))
	case name != paramConfig:
		return Errorf(Invalid, "parameter %q is not known: there are config and file:<path>", clip(name))
	case !isText:
		return Errorf(Invalid, "parameter config: want a string that holds JSON")
	default:
		l.Config = text
	}
	return nil
}

// failedToLoad says so in the words that clients look for.
func failedToLoad(model string, err error) error {
	return Errorf(codeOf(err), "failed to load '%s': %w", clip(model), err)
}

func (s *REST) unload(_ http.ResponseWriter, r *http.Request) (any, error) {
	return struct{}{}, s.backend.Unload(r.Context(), r.PathValue("model"))
}
