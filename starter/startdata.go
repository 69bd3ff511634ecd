package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/spec"
)

// resolve finds the tables of a spec that names a stored data version, and
// writes their digests into the spec: what is tested is what was there at the start.
func resolve(ctx context.Context, c *controlclient.Client, specPath string, r *spec.Release) error {
	if r.Data.Version == "" {
		return nil
	}
	var paths []string
	for _, t := range r.Data.Tables() {
		paths = append(paths, t.File.Path)
	}
	found, err := c.Data(ctx, r.Data.Version, paths...)
	var answer *controlclient.Error
	switch {
	case controlclient.IsNotFound(err):
		return spec.Placed(specPath, spec.Problems{{Field: "data.version", Found: "there is no data " + strconv.Quote(r.Data.Version), Want: "a stored version, as slipway data list shows them"}})
	case errors.As(err, &answer) && answer.Status == http.StatusBadRequest:
		return spec.Placed(specPath, spec.Problems{{Field: "data.version", Found: answer.Message, Want: "a stored version, as slipway data list shows them"}})
	case err != nil:
		return err
	case !found.DeletedAt.IsZero():
		return spec.Placed(specPath, spec.Problems{{Field: "data.version", Found: r.Data.Version + " is deleted", Want: "a version that is not; slipway data restore takes a deletion back"}})
	}
	entries := map[string]controlclient.DataEntry{}
	for _, e := range found.Entries {
		entries[e.Path] = e
	}
	var problems spec.Problems
	told := map[string]bool{}
	for _, t := range r.Data.Tables() {
		e, there := entries[t.File.Path]
		if !there && !told[t.File.Path] { // the reference is the training file unless said otherwise
			told[t.File.Path] = true
			problems = append(problems, spec.Problem{
				Field: t.Field, Found: fmt.Sprintf("%s@%d has no file %s", found.Name, found.Version, strconv.Quote(t.File.Path)),
				Want: fmt.Sprintf("one that slipway data show %s@%d lists", found.Name, found.Version),
			})
		}
		t.File.Digest, t.File.Size = e.Digest, e.Size
	}
	if len(problems) > 0 {
		return spec.Placed(specPath, problems)
	}
	return nil
}
