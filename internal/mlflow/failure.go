package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Code is one of MLflow's error codes. Clients act on them.
type Code string

// Codes that are answered here.
const (
	BadRequest            Code = "BAD_REQUEST"
	InvalidParameterValue Code = "INVALID_PARAMETER_VALUE"
	AlreadyExists         Code = "RESOURCE_ALREADY_EXISTS"
	PermissionDenied      Code = "PERMISSION_DENIED"
	DoesNotExist          Code = "RESOURCE_DOES_NOT_EXIST"
	EndpointNotFound      Code = "ENDPOINT_NOT_FOUND"
	Conflict              Code = "RESOURCE_CONFLICT"
	InvalidState          Code = "INVALID_STATE"
	InternalError         Code = "INTERNAL_ERROR"
	NotImplemented        Code = "NOT_IMPLEMENTED"
	Unavailable           Code = "TEMPORARILY_UNAVAILABLE"
)

// status is MLflow's own map from codes to statuses.
func (c Code) status() int {
	switch c {
	case BadRequest, InvalidParameterValue, AlreadyExists:
		return http.StatusBadRequest
	case PermissionDenied:
		return http.StatusForbidden
	case DoesNotExist, EndpointNotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case NotImplemented:
		return http.StatusNotImplemented
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Error is a failure as it goes out.
type Error struct {
	Code    Code   `json:"error_code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func fail(code Code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// asError is the one place where errors of the domain get a code. An endpoint whose
// conflict means that a name is taken says AlreadyExists itself.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, catalog.ErrNotFound), errors.Is(err, artifacts.ErrNotFound):
		return &Error{DoesNotExist, err.Error()}
	case errors.Is(err, catalog.ErrInvalid):
		return &Error{InvalidParameterValue, err.Error()}
	case errors.Is(err, catalog.ErrGoverned):
		return &Error{PermissionDenied, err.Error()}
	case errors.Is(err, catalog.ErrConflict):
		return &Error{Conflict, err.Error()}
	case errors.As(err, &tooBig):
		return &Error{InvalidParameterValue, fmt.Sprintf("the request has more than %d bytes", tooBig.Limit)}
	case errors.Is(err, artifacts.ErrTooLarge):
		return &Error{InvalidParameterValue, err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Unavailable, err.Error()}
	}
	return &Error{InternalError, err.Error()}
}

// answer turns the error of an endpoint into JSON. What is the server's own fault is logged.
func (a *API) answer(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := serve(w, r)
		if err == nil || errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			return // the client is gone: nobody to tell
		}
		e := asError(err)
		if e.Code == InternalError {
			a.cfg.Log.Error("MLflow API failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Del("Content-Length")
		w.WriteHeader(e.Code.status())
		_ = json.NewEncoder(w).Encode(e) // the client may be gone
	})
}

// send answers with v, which must be a JSON object.
func send(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // the client may be gone
	return nil
}

// clip shortens what a client sent for a message.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
