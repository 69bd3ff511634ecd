package modelserver

import (
	"io"
	"runtime"
	"syscall"
	"time"
)

// vigil is how long a side of a lane watches for what is about to come before it goes to
// sleep. It covers a run of a small model, and the time from an answer to the next request of one client.
const vigil = 500 * time.Microsecond

// maxRests bounds how often in a row it goes to sleep at once, when to watch was in vain.
const maxRests = 64

// watcher reads from a connection. Where something is likely to come soon it watches for that, as
// to sleep costs more: to wake a thread on a processor that has gone to sleep as well takes 45 µs on a
// virtual machine, several times what a small model computes, and the scheduler of goroutines wakes two or three
// to find out what there is to do. Others who want the processor get it: the thread yields it after each look.
type watcher struct {
	io.Reader
	ready func() (bool, error) // whether there is something to read; nil: that can't be known
	now   func() time.Time

	soon bool // the next Read waits for something that is likely to come soon
	vain int  // how often in a row it did not
	rest int  // how many more times it is not watched for
}

// newWatcher watches connections of the kernel's, where there is a processor to do it on beside the other side's.
func newWatcher(of io.Reader) *watcher {
	w := &watcher{Reader: of, now: time.Now}
	if c, ok := of.(syscall.Conn); ok && runtime.NumCPU() > 1 {
		w.ready = readiness(c)
	}
	return w
}

// Read reads as the connection does.
func (w *watcher) Read(b []byte) (int, error) {
	if w.soon && w.ready != nil {
		w.soon = false
		w.await()
	}
	return w.Reader.Read(b)
}

// await returns once there is something to read, or vigil is over. Each time in vain doubles how often
// that is not tried after it.
func (w *watcher) await() {
	if w.rest > 0 {
		w.rest--
		return
	}
	const looks = 4 // between two looks at the clock
	for start := w.now(); w.now().Sub(start) < vigil; {
		for range looks {
			if ready, err := w.ready(); ready || err != nil {
				w.vain = 0
				return // what is wrong, Read finds out
			}
		}
	}
	w.vain++
	w.rest = min(1<<min(w.vain, 16), maxRests)
}
