// Package procs fits the number of threads that run goroutines at once (GOMAXPROCS) to
// how requests come.
//
// Whenever a goroutine becomes ready beside an idle processor, the scheduler of goroutines wakes a thread there that looks for
// work. When requests come one at a time there is none: on a virtual machine with two processors the wake-ups
// took half of the 190 µs that a small model's answer took, and got in the way of the model's process. With one thread at once they
// don't happen; as soon as goroutines wait for that thread there are all again.
//
// It pays where processors are few and are woken slowly, so Fits says no to machines with more than four.
//
// The package must never import anything of this module.
package procs
