package main

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
)

// loadSpec is spec.Load that reads the conditions of slices, too: a spec is
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
	if len(problems) > 0 {
		return spec.Release{}, problems
	}
	return r, nil
}
