// Package onnx runs ONNX models on ONNX Runtime and reads their graphs.
//
// Two halves share the package because they speak of the same tensors:
//
//   - Runtime and Session load a model onto a device and run it. They are the
//     only place that knows the native library.
//   - Graph reads the protobuf itself, without the native library: inputs,
//     operators and learned parameters, and copies of the model in which one
//     parameter is moved.
//
// The package must never import workflows, SQL, blobs or the release spec.
//
// Invariants: native memory is released before Run returns, on every path; a
// Session may be used by many goroutines at once; nothing is handed to the
// native library before names, types and shapes are checked; reading a graph
// allocates in proportion to the bytes present, never to a length they claim.
package onnx
