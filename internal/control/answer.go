package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// problem is an error as it goes out: {"error": …, "hint": …}.
type problem struct {
	status  int
	message string
	hint    string
}

func (p *problem) Error() string { return p.message }

// answer turns the error of a handler into JSON. What is the server's own fault is logged.
func (s *Server) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil || errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			return // the client is gone: nobody to tell
		}
		p := asProblem(err)
		if p.status >= http.StatusInternalServerError {
			s.cfg.Log.Error("control API failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Del("Content-Length")
		w.WriteHeader(p.status)
		_ = json.NewEncoder(w).Encode(struct { // the client may be gone
			Error string `json:"error"`
			Hint  string `json:"hint,omitempty"`
		}{p.message, p.hint})
	})
}

// asProblem is the one place where errors of the domain get a status.
func asProblem(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	p = &problem{status: http.StatusInternalServerError, message: err.Error(), hint: "see the log of slipwayd"}
	var blob *artifacts.Error
	if errors.As(err, &blob) && blob.Hint != "" {
		p.message, p.hint = blob.Err.Error(), blob.Hint
		if blob.Digest != "" {
			p.message = fmt.Sprintf("%s: %s", blob.Digest, p.message)
		}
	}
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		p.status, p.hint = http.StatusNotFound, "check the name; `slipway release list`, `slipway model list` and `slipway data list` show what there is"
	case errors.Is(err, artifacts.ErrNotFound):
		p.status = http.StatusNotFound
	case errors.Is(err, catalog.ErrGoverned):
		p.status, p.hint = http.StatusForbidden, ""
	case errors.Is(err, catalog.ErrConflict):
		p.status, p.hint = http.StatusConflict, "look again, and decide anew"
	case errors.Is(err, catalog.ErrInvalid):
		p.status, p.hint = http.StatusBadRequest, ""
	case errors.As(err, &tooBig):
		p.status, p.message, p.hint = http.StatusRequestEntityTooLarge, fmt.Sprintf("the blob has more than %d bytes", tooBig.Limit), ""
	case errors.Is(err, artifacts.ErrTooLarge):
		p.status = http.StatusRequestEntityTooLarge
	case errors.Is(err, artifacts.ErrMismatch):
		p.status = http.StatusUnprocessableEntity
	}
	return p
}

func writeJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // the client may be gone
	return nil
}

// parameters reads a query strictly: an unknown name is an error, not a filter that selects all.
type parameters struct {
	r     *http.Request
	known []string
	err   error
}

func query(r *http.Request) *parameters { return &parameters{r: r} }

func (p *parameters) text(name string) string {
	p.known = append(p.known, name)
	return p.r.URL.Query().Get(name)
}

// texts is a parameter that may be given up to most times.
func (p *parameters) texts(name string, most int) []string {
	p.known = append(p.known, name)
	all := p.r.URL.Query()[name]
	if len(all) > most {
		p.bad(name, all[most], fmt.Sprintf("it at most %d times", most))
	}
	return all
}

func (p *parameters) bool(name string) bool {
	text := p.text(name)
	if text == "" {
		return false
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		p.bad(name, text, "true or false")
	}
	return v
}

// number is between 1 and most; otherwise when it is not given.
func (p *parameters) number(name string, otherwise, most int) int {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 || v > most {
		p.bad(name, text, fmt.Sprintf("a number from 1 to %d", most))
	}
	return v
}

func (p *parameters) time(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.bad(name, text, "a time such as 2026-01-31T12:00:00Z")
	}
	return t
}

func (p *parameters) bad(name, text, want string) {
	if p.err == nil {
		p.err = &problem{http.StatusBadRequest, fmt.Sprintf("%s=%s is not allowed", name, clip(text)), "want " + want}
	}
}

// check is the first thing that is wrong with the query; call it when all names are read.
func (p *parameters) check() error {
	for name := range p.r.URL.Query() {
		found := false
		for _, k := range p.known {
			found = found || k == name
		}
		if !found {
			p.err = &problem{http.StatusBadRequest, fmt.Sprintf("parameter %s is not known", clip(name)), "want " + strings.Join(p.known, ", ")}
		}
	}
	return p.err
}

// clip shortens what a client sent for a message.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
