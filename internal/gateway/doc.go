// Package gateway is the data plane: it answers predictions by the routes and
// models that the catalog desires, and reports what it saw.
//
//	catalog ──► Sync ──► Table (routes) + serving.Pool (loaded versions)
//	                        │
//	client ──► HTTP ──► pick a version ──► run it ──► Stats, prediction log ──► catalog, blob store
//
// The package must never import go.temporal.io or a workflow. Nothing on the
// way of a prediction waits for the catalog, the blob store or the disk.
//
// Invariants, held by the tests:
//
//   - With the catalog and the blob store down the gateway answers as before,
//     and after a restart it still does, from what it kept on disk.
//   - A route older than the one held is refused.
//   - A route whose production version is not warm here is not taken up while the
//     one held can answer; only its verdict on the canary is.
//   - A canary that is not warm gets no traffic; weight zero is zero; a subject
//     that is on the canary stays there while the weight grows.
//   - A failed prediction is counted for its version and answered as an error, but
//     for tensors that hold what is no number. It is never tried on the other
//     version behind the client's back.
//   - No request is lost when versions are swapped.
//   - All requests together hold a bounded number of bytes.
//   - An operator's request changes how versions are served and what is held beside
//     the routes, never what a route names nor what a version's content is.
//   - A client's mistake is no error of the model.
package gateway
