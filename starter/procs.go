package main

import "runtime"

// spareProcs is how many goroutines may wait for the disk without keeping a processor from others.
const spareProcs = 2

// makeRoom lets goroutines compute on all processors while others write and sync: a thread in a
// system call keeps its place among the GOMAXPROCS until the scheduler's monitor notices, which
// looks every 20 µs to 10 ms. Of two places, a write of a pack holds one for as long as it takes
// to hash the next. A number that the user set is left as it is. To call it twice does no more than once.
func makeRoom(getenv func(string) string) {
	if getenv("GOMAXPROCS") != "" {
		return
	}
	runtime.SetDefaultGOMAXPROCS() // as many as there are processors, or as the container may use
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareProcs)
}
