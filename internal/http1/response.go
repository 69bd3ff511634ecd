package http1

import (
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
)

// maxHeld is how many bytes of an answer wait for its end, so that its length can stand before it.
const maxHeld = 32 << 10

// response writes an answer. A connection uses one for all of its requests.
type response struct {
	conn    *conn
	request *body // nil: without
	header  http.Header
	status  int    // 0: nothing is said yet
	held    []byte // of the body, as long as its head is not sent
	out     []byte // room for the head
	length  int64  // as the handler says it; -1: it does not
	written int64  // bytes of the body
	begun   bool   // the head is on its way
	chunks  io.WriteCloser
	last    bool // the connection ends after it
	unread  bool // some of the request's body is
	err     error
}

func (w *response) begin(c *conn, request *body) {
	header := w.header
	if header == nil {
		header = http.Header{}
	}
	clear(header)
	*w = response{conn: c, request: request, header: header, held: c.kept(w.held), out: c.kept(w.out), length: -1}
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Informational answers are not sent.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 || status > 999 {
		return
	}
	w.status = status
	if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		w.length = n
	}
	w.header.Del("Content-Length")
	if w.header.Get("Connection") == "close" {
		w.last = true
	}
	w.header.Del("Connection")
	w.header.Del("Transfer-Encoding")
}

// bodiless says whether the answer has no body by its status.
func (w *response) bodiless() bool {
	return w.status == http.StatusNoContent || w.status == http.StatusNotModified
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case w.bodiless():
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	}
	if w.written == 0 && len(p) > 0 && w.header["Content-Type"] == nil && w.header["Content-Encoding"] == nil {
		w.header.Set("Content-Type", http.DetectContentType(p))
	}
	w.written += int64(len(p))
	if !w.begun && w.written <= maxHeld {
		w.held = append(w.held, p...)
		return len(p), nil
	}
	if !w.begun {
		w.start(w.length)
	}
	switch {
	case w.err != nil:
	case w.chunks != nil:
		_, w.err = w.chunks.Write(p)
	default:
		_, w.err = w.conn.Write(p)
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// start sends the head and what is held of the body; length is the body's, -1 if it is not known.
func (w *response) start(length int64) {
	w.begun = true
	w.settle()
	w.out = w.head(w.out, length)
	w.conn.enter(writing)
	if length < 0 && !w.bodiless() {
		_, w.err = w.conn.Write(w.out)
		w.chunks = httputil.NewChunkedWriter(w.conn)
		if w.err == nil && len(w.held) > 0 { // an empty chunk would be the last
			_, w.err = w.chunks.Write(w.held)
		}
		return
	}
	w.out = append(w.out, w.held...)
	_, w.err = w.conn.Write(w.out)
}

// end sends what is not sent yet. False: the connection is at its end.
func (w *response) end() bool {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.begun {
		w.start(max(w.length, w.written))
	}
	if w.length > w.written && !w.bodiless() { // less than was said
		w.last = true
	}
	if w.chunks != nil && w.err == nil {
		w.err = w.chunks.Close()
		if w.err == nil {
			_, w.err = io.WriteString(w.conn, "\r\n") // no trailers
		}
	}
	if w.err == nil && w.unread {
		w.conn.linger()
	}
	return w.err == nil && !w.last
}

// abort is the end of an answer whose handler broke off: nobody is to take what was sent for all of it.
func (w *response) abort() {
	if w.request != nil {
		w.request.release()
	}
}

// settle takes in what is left of the request's body, if that is little, so that the connection can be used again.
func (w *response) settle() {
	if w.conn.server.draining.Load() {
		w.last = true
	}
	if w.request == nil {
		return
	}
	left := w.request.release()
	w.request = nil
	if left >= maxDrained {
		w.last = true
	}
	for left > 0 && !w.last {
		n, err := w.conn.skip(left)
		left -= n
		w.last = err != nil
	}
	w.unread = left > 0
}

// head appends the status, the fields and the empty line.
func (w *response) head(b []byte, length int64) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(w.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(w.status)...)
	b = append(b, "\r\nDate: "...)
	b = append(b, w.conn.server.date()...)
	b = append(b, "\r\n"...)
	switch {
	case w.bodiless():
	case length >= 0:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, length, 10)
		b = append(b, "\r\n"...)
	default:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if w.last {
		b = append(b, "Connection: close\r\n"...)
	}
	for name, values := range w.header {
		if !plain(name, &nameBytes) {
			continue
		}
		for _, v := range values {
			b = append(b, name...)
			b = append(b, ": "...)
			b = appendValue(b, v)
			b = append(b, "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

// appendValue appends a field's value. What would end the field is a blank instead.
func appendValue(b []byte, v string) []byte {
	if plain(v, &valueBytes) {
		return append(b, v...)
	}
	return append(b, strings.TrimSpace(strings.NewReplacer("\r", " ", "\n", " ").Replace(v))...)
}
