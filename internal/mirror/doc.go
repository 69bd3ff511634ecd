// Package mirror writes runs to another MLflow tracking server too: params, whole
// histories of metrics, tags, data sets, artifacts and the status.
//
// The catalog notes which runs changed (see [catalog.Catalog.StartMirror]), in the
// transaction that changes them. A [Mirror] brings the other server's run to what
// the run is here, and only then notes that it has. So:
//
//   - nothing is lost: what was not sent is still noted, whatever crashed or was
//     down; it is tried again with growing pauses for good;
//   - nothing is doubled: the run there has a tag with the run's id here, by which it
//     is found again; after an attempt that was cut off only those points are sent
//     that the other server does not have;
//   - one run is written by one attempt at a time, and one that fails holds up no other;
//   - what the other server refuses is kept apart, item by item, and shown: the rest of
//     the run arrives.
//
// Logged models are not sent, nor runs that are themselves copies. The package must
// never import Temporal: the workflow slipway.Deliver calls it through an activity.
package mirror
