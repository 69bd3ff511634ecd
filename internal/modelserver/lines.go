package modelserver

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// lines turns what a process prints into lines of the log: not longer and not more
// than a log can take.
type lines struct {
	log     func(line string)
	partial []byte
	second  time.Time
	said    int // in this second
	dropped int
}

const (
	lineLength     = 1 << 10 // bytes
	linesPerSecond = 50
)

func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		part, rest, whole := bytes.Cut(b, []byte{'\n'})
		l.partial = append(l.partial, part[:min(len(part), lineLength-len(l.partial))]...)
		if whole {
			l.flush()
		}
		b = rest
	}
	return n, nil
}

// flush ends a line.
func (l *lines) flush() {
	line := strings.TrimSpace(strings.ToValidUTF8(string(l.partial), "?"))
	l.partial = l.partial[:0]
	if line == "" {
		return
	}
	if now := time.Now(); now.Sub(l.second) > time.Second {
		if l.dropped > 0 {
			l.log(fmt.Sprintf("(%d more lines)", l.dropped))
		}
		l.second, l.said, l.dropped = now, 0, 0
	}
	if l.said++; l.said > linesPerSecond {
		l.dropped++
		return
	}
	l.log(line)
}
