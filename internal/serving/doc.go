// Package serving keeps loaded model versions and runs them.
//
// Runtime is what a kind of model needs to be served: load, predict, health,
// close. ONNX implements it in this process, package modelserver in processes of
// their own; NewModel is what both have in common. An Instance bounds and counts the
// calls of one loaded version; a Pool brings the loaded versions to what is
// desired, in the background.
//
// The package must never import go.temporal.io, the catalog, the blob store or
// net/http: it is told what to load and how to get bytes.
//
// Invariants, held by the tests:
//
//   - An instance is closed only when no call is in it.
//   - A version that is being loaded again serves as before until the new
//     instance is warm; if it never gets warm, the old one goes on.
//   - A version takes no call before each size of batch has run, or the time for it was over.
//   - Batches of models that share resources take no more of them together than there is, all at once or
//     nothing, and give them back however they end; nobody waits for ever (limiter).
//   - A panic inside one call fails that call alone.
//   - An error is either the caller's (ErrInput), the model's (ErrModel), or says
//     that the instance can't take the call now (ErrBusy, ErrNotReady).
package serving
