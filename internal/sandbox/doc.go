// Package sandbox runs part of a program in a child process of the same
// program that can do little harm: bounded memory, time and files, no secrets
// in its environment, and, where the kernel allows it, no network, no files but
// those named and no other program.
//
// A program that uses it calls Serve first in main (a test from TestMain) with
// the work that children can do, by name. Run starts a child, hands it a
// request, reads its messages as they come and tells how it ended: a child that
// crashes, eats memory or hangs is a *Death that says so.
//
// What a child is held by is reported as it is, never assumed: Usage.Barriers
// lists what was in force, and what was not because the kernel does not offer it.
//
//	barrier     keeps out                               by
//	limits      memory, CPU time, open files, core dumps resource limits; the parent measures and kills too
//	files       reading and writing anything unnamed     Landlock, Linux 5.13 or newer
//	network     TCP; all sockets                         Landlock, seccomp
//	syscalls    other programs, tracing, name spaces     seccomp
//
// The package imports nothing of Slipway and knows nothing of models.
//
// Invariants: a child never outlives its parent; its process group is killed
// when it ends or is ended, on every path; nothing of the parent's environment
// reaches it but what Command.Env names; the parent reads a bounded amount,
// whatever a child says.
package sandbox
