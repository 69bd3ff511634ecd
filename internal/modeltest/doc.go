// Package modeltest holds the checks that a model passes before it is
// registered: unit (C1), integration (C2), performance (C3) and quality (C4)
// tests on real rows, against the limits of the release spec and against the
// model in production.
//
// The package must never import workflows, SQL or blobs.
//
// Invariants: a bad model is a failed test with one clear reason, never an
// error and never a crash; what could not run is skipped, with the reason,
// which is not passed; every number in a Report is finite, so that it is always
// valid JSON; no value of a personal column appears in a report, and of others
// only values that a slice, a change or a residual is told by; the same input gives the same
// report, measured times aside.
package modeltest
