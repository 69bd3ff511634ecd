// Package feature maps data onto the inputs of a model and the outputs of a
// model onto predictions: the one place that says how tables, JSON rows and
// matrices become tensors, so that tests, batch runs and the gateway agree.
//
// The package must never import workflows, SQL or blobs.
//
// Invariants: a mismatch names every missing, superfluous and mistyped column
// and what the model wants; errors about data wrap onnx.ErrInput; values of the
// data never appear in an error, since they may be personal.
package feature
