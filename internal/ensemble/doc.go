// Package ensemble serves several models as one: a pipeline in which a step runs
// as soon as the tensors that it takes are there.
//
//	pipeline.yaml ── Parse ──► Document ──┐
//	files of the members ─────────────────┴─ Pack ──► one file ── Open ──► Bundle ── Runtime.Load ──► serving.Model
//
// A Document names the members and how tensors go from one to the next. Packed,
// it lies in one file with the bytes of its members, so that one digest covers all that
// answers: tests, approvals, the cache of a gateway and the way back need to know nothing of it.
//
// The package must never import go.temporal.io, the catalog, the blob store or
// net/http: it is told what members are and where their bytes come from.
//
// Invariants, held by the tests:
//
//   - A member whose bytes have not the digest that the document states is refused.
//   - Names, types and shapes are checked from step to step before anything runs.
//   - A step that fails ends the others, and the error names it. So does a caller who leaves.
//   - The members are closed, all of them, once.
//   - An ensemble has no ensembles as members.
package ensemble
