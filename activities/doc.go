// Package activities is the hands of the workflows: one struct per area, whose
// methods are the activities of the contract. Each is thin: fetch, call the
// domain, store, heartbeat. Dependencies are fields, named by small interfaces
// or the domain's own types; there are no globals.
//
// Invariants: every activity may run twice; what it changes carries an
// idempotency mark made from the release's key and the step, so the second run
// finds the first one's result. Errors are ordinary Go errors; Classify, called
// by one interceptor, is the only place that turns them into Temporal's.
package activities
