package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrGoverned tells that releases move this, and nothing else does. Errors that
// are ErrGoverned are ErrConflict too.
var ErrGoverned = errors.New("governed by releases")

// GovernedError tells what can't be moved by hand, and what to do instead.
type GovernedError struct {
	What string
	Hint string
}

func (e *GovernedError) Error() string { return e.What + ": " + e.Hint }

// Is makes errors.Is with ErrGoverned and ErrConflict true.
func (e *GovernedError) Is(target error) bool { return target == ErrGoverned || target == ErrConflict }

// ProductionError tells that a promotion lost: another version is in production
// than the caller saw. It is an ErrConflict.
type ProductionError struct {
	Model    string
	Version  string // that lost
	Expected string // in production, as the caller saw it; empty for none
	Winner   string // that is in production; empty for none
	By       string // who promoted the winner
	At       time.Time
}

func (e *ProductionError) Error() string {
	saw := "no version in production"
	if e.Expected != "" {
		saw = "version " + e.Expected + " in production"
	}
	if e.Winner == "" {
		return fmt.Sprintf("model %s has no version in production any more, the promotion of version %s expected %s: look again", e.Model, e.Version, saw)
	}
	return fmt.Sprintf("version %s of model %s was promoted by %s at %s, the promotion of version %s expected %s: look again",
		e.Winner, e.Model, e.By, e.At.Format(time.RFC3339), e.Version, saw)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *ProductionError) Is(target error) bool { return target == ErrConflict }

// ungoverned refuses a model that Slipway routes or releases: what of it is in
// production is decided by releases, with their gates.
func (t *tx) ungoverned(ctx context.Context, name, what string) error {
	var n int64
	if _, err := t.get(ctx, &n, "SELECT (SELECT COUNT(*) FROM routes WHERE model = ?) + (SELECT COUNT(*) FROM releases WHERE model = ?)", name, name); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	return &GovernedError{What: what + " of model " + name + " is moved by releases only", Hint: "start a release with 'slipway release start'"}
}

// production is the version in production.
func (t *tx) production(ctx context.Context, name string) (Model, bool, error) {
	var q query
	q.where("name = ?", name)
	q.where("stage = ?", StageProduction)
	models, err := t.models(ctx, q, newestFirst, 1)
	if err != nil || len(models) == 0 {
		return Model{}, false, err
	}
	return models[0], true, nil
}
