package mlflowclient

import (
	"errors"
	"fmt"
	"net/http"
)

// Codes of errors that callers act on.
const (
	CodeExists   = "RESOURCE_ALREADY_EXISTS"
	CodeNotFound = "RESOURCE_DOES_NOT_EXIST"
	CodeDatabase = "BAD_REQUEST" // an error of the server's database, save that it can't be reached
)

// Error is an answer that is not 200.
type Error struct {
	Host   string `json:"-"`
	Where  string `json:"-"` // the path below /api/2.0/
	Status int    `json:"-"` // of HTTP
	// Code and Message are MLflow's; the code is empty if something else answered, such as a proxy.
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	return fmt.Sprintf("MLflow at %s answers %d %s to %s: %s", e.Host, e.Status, http.StatusText(e.Status), e.Where, e.Message)
}

// Is tells whether an error is an answer with one of MLflow's codes.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// Refused tells whether an error is the server's verdict on what was sent: the
// same again would meet the same answer. An answer about who asks, or how often,
// is none, and neither is one that MLflow did not give.
func Refused(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusRequestEntityTooLarge:
		return true
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		return e.Code != ""
	}
	return false
}
