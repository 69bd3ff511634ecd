package catalog

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Errors to be asked for with errors.Is.
var (
	// ErrNotFound tells that the named thing is not in the catalog.
	ErrNotFound = errors.New("not found")
	// ErrConflict tells that a compare-and-set was lost or that something else
	// has the name. Trying again with the same arguments gives it again.
	ErrConflict = errors.New("conflict")
	// ErrInvalid tells that the arguments can't be right, whatever the catalog holds.
	ErrInvalid = errors.New("invalid")
	// ErrNewerSchema tells that a newer program has migrated the catalog: no use in waiting.
	ErrNewerSchema = errors.New("newer schema")
)

// HeldError tells that another release has the model. It is an ErrConflict.
type HeldError struct {
	Holder Release
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("model %s is held by the release of version %s (run %s, under way since %s): wait for it to end or abort it",
		e.Holder.Model, e.Holder.Version, e.Holder.Run, e.Holder.CreatedAt.Format(time.RFC3339))
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *HeldError) Is(target error) bool { return target == ErrConflict }

func notFound(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrNotFound)
}

func conflict(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrConflict)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrInvalid)
}

// maxName bounds what is part of an index or an event's subject.
const maxName = 200

// checkName accepts what can be one segment of a subject or of a reference
// "name@version": '/' and '@' separate these, so a name has neither.
func checkName(what, s string) error {
	switch {
	case s == "":
		return invalid("%s is empty", what)
	case len(s) > maxName:
		return invalid("%s is longer than %d bytes", what, maxName)
	case !utf8.ValidString(s), strings.ContainsFunc(s, unicode.IsControl):
		return invalid("%s %q has control characters or is not UTF-8", what, s)
	case strings.ContainsAny(s, "/@"):
		return invalid("%s %q has a '/' or an '@'", what, s)
	}
	return nil
}

// checkNames checks pairs of what and value.
func checkNames(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := checkName(pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func required(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return invalid("%s is empty", pairs[i])
		}
	}
	return nil
}
