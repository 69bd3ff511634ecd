// Package workflows holds Slipway's durable workflows: Release and the children
// and schedules that carry a model from data to production and keep it there.
//
// Workflows decide, activities do. The package imports the Temporal SDK, the
// contract and pure decisions of the domain (quorum, verdicts, step planning);
// never activities, a clock, a file, the network or a random source. Every
// workflow is an exported five-line shell over an unexported run struct that
// holds the state, the handlers and one method per step.
//
// Messages: signals are received raw and decoded strictly, so that a malformed
// one is put on record and ignored instead of blocking the receiver. What a
// message does it does at once; the audit log follows in order, and no workflow
// ends before all that has arrived is on it (inbox.settle).
package workflows
