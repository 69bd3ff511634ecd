package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Limits bound a child. A zero field is no limit.
type Limits struct {
	// Memory is the most resident memory, in bytes. Allocations that would go
	// far beyond it fail in the child; a child that grows above it is killed.
	Memory int64
	// CPU is the most processor time over all cores; it is rounded up to seconds.
	CPU time.Duration
	// Time is the most time on the clock.
	Time time.Duration
	// OpenFiles is the most open descriptors.
	OpenFiles uint64
	// Cores is on how many processors the child runs; which ones is drawn for each child.
	Cores int
	// Nice is how far others go before the child where processors are short: 1 to 19.
	Nice int
}

// Command is what a child is to do.
type Command struct {
	// Entry names the work among those given to Serve.
	Entry string
	// Request is handed to the child as JSON.
	Request any
	// Blobs are handed to the child as they are, behind the request.
	Blobs [][]byte
	// Env is the child's whole environment, as NAME=value.
	Env []string
	// Limits bound the child.
	Limits Limits
	// Files are open files of the parent that the child gets as Child.Files.
	Files []*os.File
	// Message is called with each message of the child, in order, from one
	// goroutine. An error ends the child and is Run's. Nil drops messages.
	Message func(body json.RawMessage) error
	// Started, if set, is told the child's process id as soon as it runs.
	Started func(pid int)
	// Barriers, if set, is told what holds the child whenever that changes, from Message's goroutine.
	Barriers func(held []string)
	// Stderr, if set, gets what the child prints, all of it. It must return soon.
	Stderr io.Writer
	// Grace is how long a child that ctx ends has after SIGTERM. Zero: it is killed at once.
	Grace time.Duration
}

// argument marks a process as a child; the entry's name follows it.
const argument = "sandboxed-child"

// preamble is the first line that a child reads on its standard input. The
// request and the blobs follow as bytes.
type preamble struct {
	Limits  Limits  `json:"limits"`
	Files   int     `json:"files"`
	Request int64   `json:"request"`
	Blobs   []int64 `json:"blobs"`
}

// write hands the command to a child.
func (c *Command) write(w io.Writer) error {
	request, err := json.Marshal(c.Request)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	p := preamble{Limits: c.Limits, Files: len(c.Files), Request: int64(len(request)), Blobs: make([]int64, len(c.Blobs))}
	for i, b := range c.Blobs {
		p.Blobs[i] = int64(len(b))
	}
	line, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode the preamble: %w", err)
	}
	for _, part := range append([][]byte{append(line, '\n'), request}, c.Blobs...) {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// message is one line that a child writes: exactly one field is set.
type message struct {
	Body json.RawMessage `json:"body,omitempty"` // of Child.Send
	// Barriers says what is in force since now.
	Barriers []string `json:"barriers,omitempty"`
	// Error is what the entry returned.
	Error string `json:"error,omitempty"`
	// Done says that the entry returned no error: a child that ends without has died.
	Done bool `json:"done,omitempty"`
}

// Bounds on what the parent takes from a child.
const (
	maxMessage  = 64 << 20  // bytes of one message
	maxMessages = 512 << 20 // bytes of all
	maxStderr   = 8 << 10   // bytes kept of what it prints, of its beginning and of its end
)

// resultDescriptor is where a child writes its messages; Files follow.
const resultDescriptor = 3
