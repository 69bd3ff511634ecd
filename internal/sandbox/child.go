package sandbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

// Entry is work that a child does. Its error reaches the parent as text.
type Entry func(*Child) error

// Child is what an entry has to do with.
type Child struct {
	// Request is the parent's request as JSON.
	Request json.RawMessage
	// Blobs and Files are those of the Command.
	Blobs [][]byte
	Files []*os.File

	limits   Limits
	barriers []string
	mu       sync.Mutex // of out
	out      *json.Encoder
}

// Reach is what a child may still touch once it is confined.
type Reach struct {
	// Read are files and folders to read.
	Read []string
	// Write are files and folders to read and write, devices among them.
	Write []string
	// Execute are the files that the process may turn into, the loader of their
	// libraries among them. Empty: it can become no other program.
	Execute []string
	// Listen lets the process make stream sockets of the family AF_UNIX and listen
	// on them. It can still connect to nothing.
	Listen bool
}

// served are the entries of this program. It is package state because a child
// is the same program: one that does not serve would run its main again and
// again instead, each a child of the other.
var served atomic.Pointer[map[string]Entry]

// Serve turns the process into a child if it was started as one, and then never
// returns; otherwise Run can start children from now on.
func Serve(entries map[string]Entry) {
	served.Store(&entries)
	if len(os.Args) != 3 || os.Args[1] != argument {
		return
	}
	name := os.Args[2]
	entry, ok := entries[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "this program has no child %q\n", name)
		os.Exit(2)
	}
	out := os.NewFile(resultDescriptor, "messages")
	c, err := newChild(os.Stdin, out)
	if err == nil {
		err = entry(c)
	}
	if err != nil {
		err = c.write(message{Error: err.Error()})
	} else {
		err = c.write(message{Done: true})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// newChild reads the command and takes on the limits. The Child can always be written to.
func newChild(in io.Reader, out io.Writer) (*Child, error) {
	c := &Child{out: json.NewEncoder(out)}
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return c, fmt.Errorf("read the preamble: %w", err)
	}
	var p preamble
	if err := json.Unmarshal(line, &p); err != nil {
		return c, fmt.Errorf("read the preamble: %w", err)
	}
	c.limits = p.Limits
	parts := make([][]byte, 1+len(p.Blobs))
	for i, size := range append([]int64{p.Request}, p.Blobs...) {
		parts[i] = make([]byte, size)
		if _, err := io.ReadFull(r, parts[i]); err != nil {
			return c, fmt.Errorf("read the request: %w", err)
		}
	}
	c.Request, c.Blobs = parts[0], parts[1:]
	for i := range p.Files {
		c.Files = append(c.Files, os.NewFile(uintptr(resultDescriptor+1+i), fmt.Sprintf("file %d", i)))
	}
	held, err := limit(p.Limits)
	if err != nil {
		return c, err
	}
	c.barriers = held
	err = c.write(message{Barriers: held})
	return c, err
}

// Send hands a message to the parent. It may be called from several goroutines.
func (c *Child) Send(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	return c.write(message{Body: body})
}

// Confine takes away from the process, for good, whatever Reach does not name:
// files, network, other programs. An entry calls it once it has loaded what it
// needs and before it touches what it does not trust. The result, which the
// parent learns too, lists what is in force and what the kernel does not offer.
func (c *Child) Confine(reach Reach) ([]string, error) {
	held, err := confine(reach)
	if err != nil {
		return nil, fmt.Errorf("confine: %w", err)
	}
	c.barriers = append(c.barriers, held...)
	return c.barriers, c.write(message{Barriers: c.barriers})
}

// Exec confines the process and turns it into another program, which Reach.Execute
// has to name, in the folder dir and with the environment that it has. It returns
// only if that fails. The parent's Run ends with the program; as that sends no
// messages, its end is always a *Death.
func (c *Child) Exec(path string, args []string, dir string, reach Reach) error {
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("turn into %s: %w", path, err)
	}
	if _, err := c.Confine(reach); err != nil {
		return err
	}
	for d := range resultDescriptor + 1 + len(c.Files) {
		if d >= resultDescriptor {
			syscall.CloseOnExec(d)
		}
	}
	runtime.LockOSThread() // the thread that turns into the program is the one that has to die with the parent
	if err := dieWithParent(); err != nil {
		return fmt.Errorf("turn into %s: %w", path, err)
	}
	return fmt.Errorf("turn into %s: %w", path, syscall.Exec(path, append([]string{path}, args...), os.Environ()))
}

func (c *Child) write(m message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.out.Encode(m); err != nil {
		return fmt.Errorf("write to the parent: %w", err)
	}
	return nil
}
