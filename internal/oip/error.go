package oip

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
)

// Code is whose fault an error is and what to do about it.
type Code int

// Codes, with their HTTP status and gRPC code.
const (
	Internal     Code = iota // 500, INTERNAL: the model's or the server's fault
	Invalid                  // 400, INVALID_ARGUMENT
	NotFound                 // 404, NOT_FOUND
	Unavailable              // 503 with Retry-After, UNAVAILABLE: later or elsewhere it may work
	Unsupported              // 501, UNIMPLEMENTED
	Expired                  // 504, DEADLINE_EXCEEDED
	Unauthorized             // 401, UNAUTHENTICATED
	TooLarge                 // 413, RESOURCE_EXHAUSTED
	MediaType                // 415, INVALID_ARGUMENT
	Gone                     // 499, CANCELLED: nobody waits for the answer any more
	Forbidden                // 403, PERMISSION_DENIED
)

// Error is an error of the protocol. Others that a Backend returns count as Internal.
type Error struct {
	Code Code
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

func codeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// ofInput names the input that an error is about.
func ofInput(name string, err error) error {
	return &Error{Code: codeOf(err), Err: fmt.Errorf("input %q: %w", clip(name), err)}
}

// clip is a text that came from outside, cut to what fits an error.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// said is what a caller is told of an error. The texts of some grow with what was sent.
func said(err error) string {
	const most = 1900
	if s := err.Error(); len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return err.Error()
}

// statusGone is what proxies write for a client that went away.
const statusGone = 499

func (c Code) http() int {
	return [...]int{
		http.StatusInternalServerError, http.StatusBadRequest, http.StatusNotFound, http.StatusServiceUnavailable, http.StatusNotImplemented,
		http.StatusGatewayTimeout, http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, statusGone,
		http.StatusForbidden,
	}[c]
}

func (c Code) grpc() codes.Code {
	return [...]codes.Code{
		codes.Internal, codes.InvalidArgument, codes.NotFound, codes.Unavailable, codes.Unimplemented,
		codes.DeadlineExceeded, codes.Unauthenticated, codes.ResourceExhausted, codes.InvalidArgument, codes.Canceled,
		codes.PermissionDenied,
	}[c]
}
