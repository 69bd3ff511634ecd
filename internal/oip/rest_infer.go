package oip

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

func (s *REST) infer(w http.ResponseWriter, r *http.Request) (any, error) {
	req, err := s.request(w, r)
	if err != nil {
		return nil, err
	}
	ctx, cancel, err := bounded(r.Context(), r.Header.Get(HeaderTimeout), req.Parameters)
	if err != nil {
		return nil, err
	}
	defer cancel()
	resp, err := s.backend.Infer(ctx, req)
	if err != nil {
		return nil, late(r.Context(), ctx, err)
	}
	return nil, s.respond(w, r, req, resp)
}

// request reads a request.
func (s *REST) request(w http.ResponseWriter, r *http.Request) (Request, error) {
	c := s.scratch()
	announced, buf := r.Header.Get(HeaderLength), c.body
	if announced != "" {
		buf = nil // binary tensors stay where they were read
	}
	body, err := s.read(w, r, buf)
	if err != nil {
		return Request{}, err
	}
	if announced == "" {
		c.body = body
	}
	defer s.release(c, len(body))
	model, version := r.PathValue("model"), r.PathValue("version")
	if s.admitter != nil && !bytes.Contains(body, []byte(`"priority"`)) { // what has none is not worth reading if it is refused
		if err := s.admitter.Admits(r.Context(), model, version); err != nil {
			return Request{}, err
		}
	}
	if len(r.Header.Values(HeaderLength)) > 1 {
		return Request{}, Errorf(Invalid, "%s is sent more than once", HeaderLength)
	}
	header, err := headerLength(announced, len(body))
	if err != nil {
		return Request{}, err
	}
	if h, ok := r.Body.(Holder); ok {
		text := body
		if header >= 0 {
			text = body[:header]
		}
		free, err := h.Hold(readCosts.Of(text))
		if err != nil {
			return Request{}, err
		}
		defer free() // the tensors count for themselves from then on
	}
	var req Request
	switch {
	case header == 0:
		m, err := s.backend.Metadata(model, version)
		if err != nil {
			return Request{}, err
		}
		if req, err = rawRequest(m.Inputs, body); err != nil {
			return Request{}, err
		}
		req.Parameters = map[string]any{"binary_data_output": true}
	case header > 0:
		req, err = c.decoder.decode(body[:header], body[header:])
	default:
		req, err = c.decoder.decode(body, nil)
	}
	req.Model, req.Version = model, version
	return req, err
}

// respond writes the outputs that were asked for.
func (s *REST) respond(w http.ResponseWriter, r *http.Request, req Request, resp Response) error {
	binary, _ := req.Parameters["binary_data_output"].(bool)
	outs, err := choose(req, resp.Outputs, binary)
	if err != nil {
		return err
	}
	c := s.scratch()
	out, length, err := appendResponse(c.body[:0], req, resp, outs)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if length >= 0 {
		h.Set("Content-Type", "application/octet-stream")
		h.Set(HeaderLength, strconv.Itoa(length))
	}
	if send(w, r.Header.Get("Accept-Encoding"), out) == nil { // a client that went away is no trouble
		c.body = out
		s.release(c, len(out))
	}
	return nil
}

// bounded applies what a request says about its time: the header in seconds, the
// parameter timeout in microseconds; the shorter counts.
func bounded(ctx context.Context, header string, p map[string]any) (context.Context, context.CancelFunc, error) {
	limit := time.Duration(0)
	if header != "" {
		seconds, err := strconv.ParseFloat(header, 64)
		if err != nil || !(seconds > 0) || seconds > 86400 {
			return nil, nil, Errorf(Invalid, "%s is %q: want seconds, above 0 and at most a day", HeaderTimeout, clip(header))
		}
		limit = time.Duration(seconds * float64(time.Second))
	}
	if us, ok := p["timeout"].(int64); ok && us > 0 && us < int64(24*time.Hour/time.Microsecond) {
		if d := time.Duration(us) * time.Microsecond; limit == 0 || d < limit {
			limit = d
		}
	}
	if limit == 0 {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, cancel, nil
}

// late says of an error whether the request's time was over, or its client gone.
func late(outer, inner context.Context, err error) error {
	switch {
	case errors.Is(outer.Err(), context.Canceled):
		return Errorf(Gone, "the request was cancelled: %w", err)
	case inner.Err() != nil && codeOf(err) == Internal:
		return Errorf(Expired, "Request timeout expired: %w", err)
	}
	return err
}
