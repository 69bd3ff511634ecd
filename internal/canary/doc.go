// Package canary decides about a canary: which steps it takes, what the
// gateways' statistics say at each look, and why.
//
// Everything here is a pure function of its arguments. The package must never
// import go.temporal.io, the catalog, the gateway or anything that reads a
// clock, a file or a network.
//
// Invariants, held by the tests and the fuzz target:
//
//   - A candidate that is as good as production is rolled back with
//     probability at most alpha over the whole canary, however many looks there are.
//   - Every number in a result is finite, so it can be written as JSON.
//   - Too few answers are never harm: they hold the step, they do not fail it.
//
// The level of look k is stats.AlphaSpend(alpha, k); the union bound over looks
// and over the checks of one look gives the first invariant, whatever the looks
// have in common.
package canary
