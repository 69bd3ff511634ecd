package catalog

import (
	"context"
	"errors"
)

// RecordedRun is a run that is known as a whole: it has ended.
type RecordedRun struct {
	Run
	// Experiment is the name of its experiment, which is made if nobody has.
	Experiment string
}

// RecordRun puts a run on record. Of a run whose UID is on record it only completes
// what is missing, so that it may be called again with the same. The mark is that of
// making the experiment. Nothing is recorded, and the run returned has no UID, if
// people deleted the experiment or the run: they don't want it.
func (c *Catalog) RecordRun(ctx context.Context, r RecordedRun, m Mark) (Run, error) {
	e, err := c.ExperimentByName(ctx, r.Experiment)
	if errors.Is(err, ErrNotFound) {
		e, err = c.CreateExperiment(ctx, Experiment{Name: r.Experiment}, m)
		if errors.Is(err, ErrConflict) { // somebody made it meanwhile
			e, err = c.ExperimentByName(ctx, r.Experiment)
		}
	}
	if err != nil {
		return Run{}, err
	}
	if e.DeletedAt != nil {
		return Run{}, nil
	}
	run, err := c.Run(ctx, r.UID)
	switch {
	case errors.Is(err, ErrNotFound):
		r.ExperimentID = e.ID
		if run, err = c.CreateRun(ctx, r.Run); err != nil {
			return Run{}, err
		}
	case err != nil:
		return Run{}, err
	case run.DeletedAt != nil:
		return Run{}, nil
	}
	return run, c.LinkRun(ctx, r.UID, r.Inputs, nil)
}
