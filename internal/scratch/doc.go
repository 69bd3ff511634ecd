// Package scratch makes folders in the temporary folder that do not outlast the
// program for long, however that ends.
//
// Close removes a folder. What a program leaves that is killed is removed by a
// later one's Sweep: a folder is locked (flock) for as long as its program runs,
// and the kernel gives up the lock with the process. Any number of programs can
// share a temporary folder.
//
// The package imports nothing of Slipway.
//
// Invariants, held by the tests:
//
//   - Sweep never removes a folder that a running program has, not even one that is being made.
//   - Where the file system locks no folders, Sweep removes none.
//   - Sweep removes nothing but folders of this user, and follows no link.
package scratch
