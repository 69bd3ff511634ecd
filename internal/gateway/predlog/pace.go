package predlog

import (
	"io"
	"runtime"
	"time"
)

// pace lets requests run while the log works: it stops the writer again and again, for longer than it
// has worked. A segment of wide rows takes a processor for longer than a request does, and gateway
// and models may have but two between them.
type pace struct {
	// waits tells that so much waits for the writer that there is no time for a rest. Must not be nil.
	waits func() bool
	// worked, if set, is told how long the writer worked without a pause.
	worked func(time.Duration)

	began time.Time // since when it has worked
	last  bool      // nobody is served any more
}

const (
	// slice is how long the writer works without a rest, and rests how many times as long that is.
	slice = 200 * time.Microsecond
	rests = 3
)

// begin begins a slice after a wait.
func (p *pace) begin() { p.began = time.Now() }

// pause rests if the slice is over. It must be called more often than that.
func (p *pace) pause() {
	took := time.Since(p.began)
	if took < slice {
		return
	}
	p.end(took)
	switch {
	case p.last:
	case p.waits():
		runtime.Gosched()
	default:
		time.Sleep(min(rests*took, 5*time.Millisecond))
	}
	p.begin()
}

func (p *pace) end(took time.Duration) {
	if p.worked != nil {
		p.worked(took)
	}
}

// paced reads bytes, with pauses for whoever hashes, encrypts or copies them.
type paced struct {
	left []byte
	pace *pace
}

// Read implements io.Reader.
func (r *paced) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	r.pace.pause()
	n := copy(p[:min(len(p), 64<<10)], r.left)
	r.left = r.left[n:]
	return n, nil
}
