// Package oip speaks the Open Inference Protocol, version 2, over REST and gRPC,
// with the binary tensor extension and the extensions for configuration,
// statistics and the repository, so that the clients which people have work
// unchanged.
//
// A Backend says what there is and runs it, a Client asks for it; the package knows neither routes nor
// models. It must never import go.temporal.io, the catalog or the blob store.
//
// Invariants:
//
//   - what a header or a shape announces is compared with what has really
//     arrived before anything is allocated for it;
//   - nothing of a Request lies in a buffer that is used again for another;
//   - 64-bit integers never pass through a floating-point number;
//   - every error is one of the protocol's, as JSON or as a gRPC status; what is
//     the caller's fault is never answered as the server's.
package oip
