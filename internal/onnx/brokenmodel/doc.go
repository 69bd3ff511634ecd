// Package brokenmodel makes ONNX files that no program should survive by luck:
// cut short, with flipped bits, with shapes beyond any memory, cycles, missing
// or wrongly typed weights, weights in other files, lengths that lie, nesting
// without end, and graphs that only break while they run.
//
// All returns the same files every time. Each is a failed model test with a
// reason, whatever reads it. examples/broken-models writes them to a folder.
//
// The package imports nothing of Slipway.
package brokenmodel
