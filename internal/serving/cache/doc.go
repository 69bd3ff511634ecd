// Package cache keeps answers of one model version, to give them again to requests
// with the same inputs.
//
// A Key is a collision-resistant hash of everything that makes a request what it
// is for the model; an Answer is all outputs of the model as one block of bytes,
// which is copied in and out, so that nobody can change what is kept; a Cache
// holds answers by key and lets go those that were used least recently.
//
// The package knows tensors only: it must never import the batcher, the gateway or
// Temporal.
//
// Invariants, held by the tests:
//
//   - Two requests have one key only if their tensors are equal, bit by bit.
//   - The bytes that a cache holds, its keys, its table and what the allocator adds
//     among them, never exceed its limit.
//   - An answer comes back as it was put in: names, types, shapes and every bit.
package cache
