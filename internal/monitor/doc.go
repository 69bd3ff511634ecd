// Package monitor compares what a model is asked in production with what it
// was made from, and writes the report about it.
//
// Check is a pure function of two tables and the spec; Report renders. The
// package must never import go.temporal.io, the catalog or the gateway, and
// reads no clock, file or network.
//
// Invariants, held by the tests:
//
//   - One window of data like the reference is called drift with probability
//     at most 2 ks_alpha, however many features there are (two families of
//     tests, each corrected by Holm).
//   - Fewer than min_samples rows are never drift.
//   - Every number in a result is finite; the page needs nothing but itself.
package monitor
