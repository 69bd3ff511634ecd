package oip

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// minCompressed is how large a response is before it is compressed.
const minCompressed = 1 << 10

// scratch is what a request is read with, or its answer written, to be used again for others.
type scratch struct {
	body    []byte
	decoder *decoder
}

// maxSpare is how many bytes may have been worked on with a scratch that is kept.
const maxSpare = 1 << 16

func (s *REST) scratch() *scratch { return s.spare.Get().(*scratch) }

// release gives back a scratch, whose body nobody uses any more, after work on so many bytes.
func (s *REST) release(c *scratch, size int) {
	if max(size, cap(c.body)) <= maxSpare {
		s.spare.Put(c)
	}
}

// read takes a body of at most maxBody bytes, decompressed, into a buffer if it fits.
func (s *REST) read(w http.ResponseWriter, r *http.Request, buf []byte) ([]byte, error) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "" {
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/json", "application/octet-stream", "application/x-www-form-urlencoded", "application/vnd.sagemaker-triton.binary+json":
		default:
			return nil, Errorf(MediaType, "Content-Type %q is not taken: send application/json or application/octet-stream", clip(kind))
		}
	}
	body, plain := io.Reader(r.Body), true
	if r.ContentLength < 0 || r.ContentLength > s.maxBody { // else it ends by itself
		body = http.MaxBytesReader(w, r.Body, s.maxBody)
	}
	var err error
	switch e := strings.ToLower(r.Header.Get("Content-Encoding")); e {
	case "", "identity":
	case "gzip":
		plain = false
		body, err = gzip.NewReader(body)
	case "deflate":
		plain = false
		body, err = zlib.NewReader(body)
	default:
		return nil, Errorf(MediaType, "Content-Encoding %q is not taken: send gzip, deflate or nothing", clip(e))
	}
	if err != nil {
		return nil, Errorf(Invalid, "the body is not compressed as Content-Encoding says: %w", err)
	}
	if h, ok := r.Body.(Holder); ok && !plain {
		body = heldReader{body, h}
	}
	if n := r.ContentLength; n > 0 && n <= min(s.maxBody, maxSpare) {
		buf = slices.Grow(buf, int(n)+1) // to read its end too; more is allocated when it has come
	}
	buf, err = readTo(buf[:0], body, s.maxBody)
	var large *http.MaxBytesError
	var known *Error
	switch {
	case err == nil:
		return buf, nil
	case errors.As(err, &known): // of a body that knows better
		return nil, known
	case errors.As(err, &large), errors.Is(err, errLarge):
		return nil, Errorf(TooLarge, "the body is larger than %d bytes: send fewer rows at once", s.maxBody)
	}
	return nil, Errorf(Invalid, "the body could not be read to its end: %w", err)
}

// Holder is a body that counts what its request holds beside the bytes that came.
type Holder interface {
	// Hold counts n bytes until the request is answered, or free is called. An error is the answer.
	Hold(n int64) (free func(), err error)
}

// heldReader is what a compressed body becomes, counted as it does.
type heldReader struct {
	io.Reader
	holder Holder
}

func (h heldReader) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if _, full := h.holder.Hold(int64(n)); full != nil {
		return 0, full
	}
	return n, err
}

// Costs tell about how many bytes reading JSON takes for what it is made of, beside the JSON itself.
type Costs struct{ Open, Pair, Value int64 }

// readCosts are of a request: each tensor and list, parameter and value.
var readCosts = Costs{Open: 256, Pair: 100, Value: 16}

// Of tells it for a body. What looks like JSON within a string counts too.
func (c Costs) Of(body []byte) int64 {
	count := func(b string) int64 { return int64(bytes.Count(body, []byte(b))) }
	return c.Open*(count("{")+count("[")) + c.Pair*count(":") + c.Value*count(",")
}

// errLarge says that there is more to read than may be.
var errLarge = errors.New("too large")

// readTo appends what r has, at most most bytes.
func readTo(b []byte, r io.Reader, most int64) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, max(len(b)/2, 512))
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > most:
			return b, errLarge
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

// send writes a response, compressed if the client takes it and it is worth it. An error says that the client went
// away, and that the body may still be read: HTTP/2 sends it by another goroutine.
func send(w http.ResponseWriter, accept string, body []byte) error {
	encoding := ""
	if len(body) >= minCompressed {
		switch {
		case strings.Contains(accept, "gzip"):
			encoding = "gzip"
		case strings.Contains(accept, "deflate"):
			encoding = "deflate"
		}
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if encoding == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, err := w.Write(body)
		return err
	}
	w.Header().Set("Content-Encoding", encoding)
	var z io.WriteCloser
	if encoding == "gzip" {
		z, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a valid one
	} else {
		z, _ = zlib.NewWriterLevel(w, zlib.BestSpeed)
	}
	_, err := z.Write(body)
	return errors.Join(err, z.Close())
}
