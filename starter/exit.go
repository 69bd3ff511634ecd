package main

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Exit codes: a contract with scripts, told by `slipway --help`.
const (
	codeOK         = 0
	codeError      = 1
	codeUsage      = 2
	codeStopped    = 3 // a gate or a person stopped the release, or it was refused
	codeRolledBack = 4 // the canary rolled it back
)

// usageError is an error of how the command was called.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitError ends the program with a code of its own. Without a cause nothing is printed: the command has said it all.
type exitError struct {
	code  int
	cause error
}

func (e exitError) Error() string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

func (e exitError) Unwrap() error { return e.cause }

// outcomeError turns how a release ended into an exit code; nil for production.
func outcomeError(o contract.Outcome) error {
	switch o {
	case contract.OutcomeProduction:
		return nil
	case contract.OutcomeRolledBack:
		return exitError{code: codeRolledBack}
	}
	return exitError{code: codeStopped}
}
