// Package modelserver runs each model version in a process of its own.
//
//	gateway ── serving.Model ── session ── gRPC, one connection ──► process
//	                              ├── pipe, for inferences ───────► (this program only)
//	                              │ starts, watches, starts again
//	                              └── sandbox.Run
//
// There are two kinds of process by one mechanism: this program once more, which
// runs ONNX models (NewONNX), and any other program that keeps the contract of
// docs/runtimes.md (NewProgram). Both speak the Open Inference Protocol; what is
// around it (rows, batches, limits) is package serving's and stays with the gateway.
//
// A program that uses the package gives Entries to sandbox.Serve first in main.
//
// The package must never import go.temporal.io, the catalog or the blob store.
//
// Invariants, held by the tests:
//
//   - A process that ends, breaks its connection or does not answer fails the calls
//     inside at once with serving.ErrNotReady, and is started again with a pause that grows.
//   - A process never outlives the session that started it, nor this program.
//   - Closing a session ends its process: the memory comes back.
//   - What a process answers is checked before it is believed.
//   - A process has no environment, no network and no files but those that it was
//     started for, where the kernel can hold it to that; what holds is told.
package modelserver
