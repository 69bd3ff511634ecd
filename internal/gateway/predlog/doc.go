// Package predlog is the prediction log (capability M1): what was asked, what
// was answered, when, how fast, and what failed.
//
// A Log takes requests without ever blocking a prediction, gathers their rows per
// model version, by column from the start, and writes them as Parquet segments:
// the bytes to the blob store first, then the fact to the catalog. Read brings segments back as
// columns. The file format is specified in docs/formats.md, section "Prediction log".
//
// The package must never import go.temporal.io, the gateway or net/http.
//
// Invariants, held by the tests:
//
//   - Add returns at once. What does not fit the buffer is dropped and counted.
//   - Columns named as sensitive are in no segment, nor copied on the way to one.
//   - A segment that could not be stored is tried again as the same bytes under
//     the same number, so nothing is logged twice.
package predlog
