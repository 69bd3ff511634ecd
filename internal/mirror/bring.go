package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

// bring makes the other server's run what the run is here. It returns what is to
// be put on record, also of an attempt that failed on the way.
func (m *Mirror) bring(ctx context.Context, at catalog.MirrorRun) (catalog.MirrorRun, error) {
	a := &attempt{Mirror: m, compare: at.Unsure}
	var err error
	if a.sent, err = readSent(at); err != nil {
		return at, &asideError{err}
	}
	if a.run, err = m.cfg.Catalog.Run(ctx, at.Run); err != nil || !m.wants(a.run, at) {
		if errors.Is(err, catalog.ErrNotFound) {
			err = nil // nothing to send
		}
		return at, err
	}
	fresh, err := a.find(ctx, at.Remote)
	if err != nil {
		return at, err
	}
	switch {
	case fresh:
		a.compare = false
	case at.Remote == "":
		a.compare = true // made by an attempt that was cut off, or of the time before `slipway mirror stop`
	}
	at.Remote = a.remote.Info.ID
	err = a.write(ctx)
	state, encodeErr := json.Marshal(a.sent)
	if encodeErr != nil {
		return at, fmt.Errorf("encode what was mirrored of run %s: %w", at.Run, encodeErr)
	}
	at.Sent, at.Refused = state, int64(len(a.sent.Refused))
	return at, err
}

// wants tells whether a run is to be there: one that was sent before always, a
// copy never, one that was deleted before it was sent not any more.
func (m *Mirror) wants(r catalog.Run, at catalog.MirrorRun) bool {
	switch {
	case at.Remote != "":
		return true
	case copied(r) || r.DeletedAt != nil:
		return false
	}
	return m.cfg.All || hasTag(r, catalog.TagRelease)
}

// write brings everything over, in one order; the status comes last: a run that
// has ended there is complete.
func (a *attempt) write(ctx context.Context) error {
	switch {
	case a.remote.deleted() && a.run.DeletedAt != nil:
		a.sent.Deleted = true
		return nil
	case a.remote.deleted() && !a.sent.Deleted:
		return &asideError{errors.New("the run was deleted there: restore it there to have it mirrored again")}
	case a.remote.deleted():
		if err := a.lifecycle(ctx, "restore", false); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{a.params, a.tags, a.untag, a.metrics, a.inputs, a.artifacts, a.status} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if a.run.DeletedAt != nil {
		return a.lifecycle(ctx, "delete", true)
	}
	return nil
}

func (a *attempt) lifecycle(ctx context.Context, verb string, deleted bool) error {
	err := a.post(ctx, "mlflow/runs/"+verb, map[string]any{"run_id": a.remote.Info.ID}, nil)
	if err != nil {
		return aside(fmt.Errorf("%s the run there: %w", verb, err))
	}
	a.sent.Deleted = deleted
	return nil
}

// races is how often the other server's database may fail one request.
const races = 3

// post sends something and, unless into is nil, reads the answer. MLflow calls
// every error of its database's a bad request, also that of the slower of two
// requests that insert the same row (a data set of two runs): sent again it succeeds.
func (a *attempt) post(ctx context.Context, where string, body, into any) error {
	var err error
	for range races {
		if err = a.cfg.Server.Post(ctx, where, body, into); !mlflowclient.Is(err, mlflowclient.CodeDatabase) {
			break
		}
	}
	return err
}

// status brings the status, the end and the name over.
func (a *attempt) status(ctx context.Context) error {
	there := a.remote.Info
	sameEnd := a.run.EndedAt == nil || there.EndTime != nil && int64(*there.EndTime) == *a.run.EndedAt
	if there.Status == a.run.Status && sameEnd && there.Name == a.run.Name {
		return nil
	}
	change := map[string]any{"run_id": there.ID, "status": a.run.Status, "run_name": a.run.Name}
	if a.run.EndedAt != nil {
		change["end_time"] = *a.run.EndedAt
	}
	if err := a.post(ctx, "mlflow/runs/update", change, nil); err != nil {
		return aside(fmt.Errorf("set the run's status there: %w", err))
	}
	return nil
}
