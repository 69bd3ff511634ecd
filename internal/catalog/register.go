package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
)

// registered is the result of RegisterModel on record.
type registered struct {
	Model   Model `json:"model"`
	Existed bool  `json:"existed"`
}

// RegisterModel puts a model version into the registry, stage "staging". Of m it
// takes Name, Version, Digest, DataDigest (must be on record unless empty),
// Release, Config, Metrics, CreatedBy (empty: the mark's actor) and CreatedAt
// (zero: now).
//
// A version that is on record with the same digest is kept: existed is true, it
// goes back to staging if it was rejected, archived or deleted, metrics and
// evidence are added. With another digest the error is an ErrConflict.
func (c *Catalog) RegisterModel(ctx context.Context, m Model, evidence []Evidence, mark Mark) (_ Model, existed bool, err error) {
	if err := checkModel(m); err != nil {
		return Model{}, false, fmt.Errorf("register model: %w", err)
	}
	result, err := apply(ctx, c, mark, ActionModelRegistered, ModelSubject(m.Name, m.Version), func(t *tx) (move[registered], error) {
		old, found, err := t.model(ctx, m.Name, m.Version)
		if err != nil {
			return move[registered]{}, err
		}
		if err := t.checkDataDigest(ctx, m.DataDigest); err != nil {
			return move[registered]{}, err
		}
		var before any
		if found {
			before = old
			err = t.registerAgain(ctx, old, m)
		} else {
			err = t.registerFirst(ctx, m, mark.Actor)
		}
		if err != nil {
			return move[registered]{}, err
		}
		if err := t.addEvidence(ctx, m.Name, m.Version, old.Evidence, evidence); err != nil {
			return move[registered]{}, err
		}
		now, err := t.mustModel(ctx, m.Name, m.Version)
		return move[registered]{before: before, after: registered{Model: now, Existed: found}}, err
	})
	return result.Model, result.Existed, err
}

func checkModel(m Model) error {
	if err := checkNames("model name", m.Name, "version", m.Version); err != nil {
		return err
	}
	if !isDigest(m.Digest) {
		return invalid("digest %q of model %s/%s is not of the form algorithm:hex", m.Digest, m.Name, m.Version)
	}
	for name, value := range m.Metrics {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return invalid("metric %q is %v: leave out what is not finite", name, value)
		}
	}
	return nil
}

func (t *tx) checkDataDigest(ctx context.Context, digest string) error {
	if digest == "" {
		return nil
	}
	_, found, err := t.dataByDigest(ctx, digest)
	if err == nil && !found {
		err = notFound("data %q", digest)
	}
	return err
}

func (t *tx) registerFirst(ctx context.Context, m Model, actor string) error {
	if m.CreatedBy == "" {
		m.CreatedBy = actor
	}
	var err error
	if m.Number, err = t.nextNumber(ctx, m.Name, m.CreatedBy); err != nil {
		return err
	}
	m.Stage, m.Status = StageStaging, StatusReady
	return t.insertModel(ctx, m)
}

// nextNumber counts a model's versions; it makes the name if there is none, and
// takes a deleted one back.
func (t *tx) nextNumber(ctx context.Context, name, actor string) (number int64, err error) {
	_, err = t.get(ctx, &number, `INSERT INTO model_names(name, last_number, created_by, created_at, updated_at) VALUES (?, 1, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET last_number = model_names.last_number + 1, deleted_at = NULL, updated_at = excluded.updated_at
		RETURNING last_number`, name, actor, stamp(t.now), stamp(t.now))
	return number, err
}

func (t *tx) insertModel(ctx context.Context, m Model) error {
	config, err := canonical(m.Config)
	if err != nil {
		return fmt.Errorf("config of model %s/%s: %w", m.Name, m.Version, err)
	}
	metrics, err := canonicalOf(m.Metrics)
	if err != nil {
		return fmt.Errorf("metrics of model %s/%s: %w", m.Name, m.Version, err)
	}
	if m.CreatedAt.IsZero() {
		m.CreatedAt = t.now
	}
	id := fmt.Sprintf("%s/%s/%d", m.Name, m.Version, m.CreatedAt.Unix())
	return t.insert(ctx, "models(data_digest, "+modelColumns+")", "",
		[]any{orNull(m.DataDigest), id, m.Name, m.Version, m.Number, m.Digest, m.Stage, m.Release, config, metrics,
			m.CreatedBy, stamp(m.CreatedAt), stamp(t.now), 1,
			m.Description, m.Source, m.Run, m.RunLink, m.ModelID, m.Status, m.StatusMessage, nil})
}

// registerAgain keeps what identifies the version and renews what a new release
// found out about it.
func (t *tx) registerAgain(ctx context.Context, old, m Model) error {
	if old.Digest != m.Digest {
		return conflict("model %s/%s is registered with digest %s and can't become %s: release the new bytes under a new version",
			m.Name, m.Version, old.Digest, m.Digest)
	}
	stage := old.Stage
	if stage != StageProduction {
		stage = StageStaging
	}
	all := map[string]float64{}
	maps.Copy(all, old.Metrics)
	maps.Copy(all, m.Metrics)
	metrics, err := canonicalOf(all)
	if err != nil {
		return fmt.Errorf("metrics of model %s/%s: %w", m.Name, m.Version, err)
	}
	config, err := canonical(m.Config)
	if err != nil {
		return fmt.Errorf("config of model %s/%s: %w", m.Name, m.Version, err)
	}
	if config == nil {
		config = document(old.Config)
	}
	data, release := cmp.Or(m.DataDigest, old.DataDigest), cmp.Or(m.Release, old.Release)
	if _, err := t.exec(ctx, "UPDATE model_names SET deleted_at = NULL, updated_at = ? WHERE name = ?", stamp(t.now), m.Name); err != nil {
		return err
	}
	_, err = t.exec(ctx, "UPDATE models SET stage = ?, metrics = ?, config = ?, data_digest = ?, release = ?, deleted_at = NULL, updated_at = ?, rev = rev + 1 WHERE name = ? AND version = ?",
		stage, metrics, config, orNull(data), release, stamp(t.now), m.Name, m.Version)
	return err
}

// addEvidence appends evidence that is not there yet.
func (t *tx) addEvidence(ctx context.Context, name, version string, have, add []Evidence) error {
	seq := len(have)
	for _, e := range add {
		same := func(o Evidence) bool { return o.Suite == e.Suite && o.Report == e.Report && o.Passed == e.Passed }
		if slices.ContainsFunc(have, same) {
			continue
		}
		if e.At.IsZero() {
			e.At = t.now
		}
		seq++
		have = append(have, e)
		if err := t.insert(ctx, "model_evidence(name, version, seq, suite, passed, report, page, at)", "",
			[]any{name, version, seq, e.Suite, e.Passed, e.Report, e.Page, stamp(e.At)}); err != nil {
			return err
		}
	}
	return nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
