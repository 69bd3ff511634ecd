package http1

import (
	"io"
	"net/http"
	"sync"
)

// body is what follows a head: so many bytes, some of which came with it.
type body struct {
	mu   sync.Mutex
	conn *conn // nil: closed
	left int64 // bytes that have not been read
}

// Read implements io.Reader. It fails where the client goes away or takes too long.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.conn == nil:
		return 0, http.ErrBodyReadAfterClose
	case b.left == 0:
		return 0, io.EOF
	}
	n, err := b.conn.take(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case b.left == 0:
		b.conn.enter(handling)
		return n, io.EOF
	case err == io.EOF: //nolint:errorlint // as a connection says it
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close implements io.Closer. What is left is read, or given up with the connection, when the answer is written.
func (b *body) Close() error {
	b.release()
	return nil
}

// release takes the body from who read it, and says how many bytes are left of it.
func (b *body) release() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conn = nil
	return b.left
}
