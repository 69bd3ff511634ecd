// Package governance holds the pure decisions of the compliance gate: what the
// policies say of a release, who has approved it, and who may steer it.
//
// The functions run inside workflows. They read no clock, file or network, start
// no goroutine and never depend on the order of a map, so a replay decides the
// same. The package imports spec, contract and the standard library, never
// Temporal, SQL or blobs.
//
// Invariants: an approval counts for one candidate of one release, once for each
// person and never for who asked for the release; any rejection wins over any
// number of approvals; where a key is on file, nothing but its signature counts.
package governance
