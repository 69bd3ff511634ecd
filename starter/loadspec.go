package main

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
)

// loadSpec is spec.Load that reads the conditions of slices and the document of an ensemble, too: a spec is
// refused before anything starts, not by the model tests. What is wrong comes back as spec.Problems.
func loadSpec(file string) (spec.Release, error) {
	r, err := spec.Load(file)
	if err != nil {
		return r, err
	}
	var problems spec.Problems
	for i, slice := range r.Tests.Slices.Given {
		if _, err := dataset.NewFilter(slice.Where); err != nil {
			problems = append(problems, spec.Problem{
				File: file, Field: fmt.Sprintf("tests.slices.given[%d].where", i), Found: err.Error(),
				Want: "an expression over the columns, such as age < 26 and sex == 'female'",
			})
		}
	}
	if p := ensembleProblem(file, r.Model); p != nil {
		problems = append(problems, *p)
	}
	if len(problems) > 0 {
		return spec.Release{}, problems
	}
	return r, nil
}

// ensembleProblem is what is wrong with the document of an ensemble, as far as it tells without its members.
func ensembleProblem(file string, m spec.Model) *spec.Problem {
	if m.Artifact.Remote() || m.Runtime != "" && m.Runtime != spec.RuntimeEnsemble {
		return nil
	}
	path := m.Artifact.At(file)
	document, err := isEnsemble(path)
	if err == nil && document {
		_, err = parseEnsemble(path)
	}
	if err == nil {
		return nil
	}
	return &spec.Problem{File: file, Field: spec.ArtifactField, Found: fmt.Sprintf("%s: %s", m.Artifact.Path, err), Want: "the document of an ensemble (docs/ensembles.md)"}
}
