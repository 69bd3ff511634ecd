package sandbox

import (
	"slices"
	"sync"
)

// ends keeps the beginning and the end of what is written to it: a program that
// crashes says why first, one that has been logging for days says it last.
type ends struct {
	mu    sync.Mutex
	first []byte
	last  []byte // what came after first, at most maxStderr
	cut   bool   // something between the two is gone
}

func (e *ends) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(b)
	room := min(len(b), maxStderr-len(e.first))
	e.first = append(e.first, b[:room]...)
	b = b[room:]
	if len(b) >= maxStderr {
		e.cut = e.cut || len(e.last) > 0 || len(b) > maxStderr
		e.last = append(e.last[:0], b[len(b)-maxStderr:]...)
		return n, nil
	}
	if over := len(e.last) + len(b) - maxStderr; over > 0 {
		e.cut = true
		e.last = slices.Delete(e.last, 0, over)
	}
	e.last = append(e.last, b...)
	return n, nil
}

// String is what was kept.
func (e *ends) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cut {
		return string(e.first) + "\n…\n" + string(e.last)
	}
	return string(e.first) + string(e.last)
}
