// Package predlog is the prediction log (capability M1): what was asked, what
// was answered, when, how fast, and what failed.
//
// A Log takes requests without ever blocking a prediction, gathers their rows per
// model version, and writes them as Parquet segments (package columnar):
// the bytes to the blob store first, then the fact to the catalog. Read brings segments back as
// columns. The file format is specified in docs/formats.md, section "Prediction log".
//
// All but Add runs beside the requests, on processors that they need: rows of numbers are copied as they are and
// turned into columns a tile at a time, the memory of a segment is used again for the next, and the writer
// works in slices of a few hundred microseconds with rests between them (pace).
//
// The package must never import go.temporal.io, the gateway or net/http.
//
// Invariants, held by the tests:
//
//   - Add returns at once. What does not fit the buffer is dropped and counted.
//   - Every row of a request that the model took is logged, without its features if the log can't hold them.
//   - Columns named as sensitive are in no segment, nor copied on the way to one.
//   - A segment that could not be stored is tried again as the same bytes under
//     the same number, so nothing is logged twice.
package predlog
