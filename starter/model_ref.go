package main

import "strings"

// modelRef names a model version on the command line: NAME@VERSION, NAME@ALIAS
// or, as releases are named, NAME/VERSION. Models that MLflow clients registered
// may have names that a release's could not be.
type modelRef struct{ name, version string }

func (r modelRef) String() string { return r.name + "@" + r.version }

func parseModel(s string) (modelRef, error) {
	name, version, _ := strings.Cut(strings.Replace(s, "/", "@", 1), "@")
	if name == "" || version == "" || strings.ContainsAny(version, "/@") {
		return modelRef{}, usagef("%q does not name a model version: write NAME@VERSION or NAME@ALIAS, as credit-risk@1.1.0 or credit-risk@production", clean(s))
	}
	return modelRef{name, version}, nil
}
