package control

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// maxReport bounds a report in bytes; more is data, not a report.
const maxReport = 32 << 20

// reportPolicy takes every right from a stored page: it may only be looked at.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// report shows a stored report: a page as HTML, numbers as JSON, suites as JUnit XML, a model card as text. What is none of these is no report.
func (s *Server) report(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	b, err := s.cfg.Store.Read(r.Context(), d, maxReport)
	if err != nil {
		return err
	}
	kind := reportType(b)
	if kind == "" {
		return &problem{http.StatusUnsupportedMediaType, string(d) + " is no HTML page, JSON or XML", "download it from /api/v1/blobs/" + string(d)}
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", reportPolicy)
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	_, _ = w.Write(b) // the client may be gone
	return nil
}

// reportType is the media type of a report, by its bytes: the store keeps none.
func reportType(b []byte) string {
	start := bytes.ToLower(bytes.TrimSpace(b[:min(len(b), 512)]))
	switch {
	case bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")):
		return "text/html; charset=utf-8"
	case bytes.HasPrefix(start, []byte("<?xml")) && bytes.Contains(start, []byte("<testsuites")):
		return "application/xml"
	case json.Valid(b):
		return "application/json"
	case bytes.HasPrefix(b, []byte("---\nlibrary_name: ")): // a model card
		return "text/plain; charset=utf-8"
	}
	return ""
}
